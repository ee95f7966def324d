using Rudder.Checkpoints;
using Rudder.Engine.Tests.Support;
using Rudder.Tests;

namespace Rudder.InferenceService.Soak.Load;

/// <summary>The models of a load test in one root: a policy, a reference of the same shape with other weights, and a classifier.</summary>
internal sealed class LoadModels : IDisposable
{
    /// <summary>Name under which the policy is served.</summary>
    public const string Policy = "policy";

    /// <summary>Name under which the reference is served.</summary>
    public const string Reference = "reference";

    /// <summary>Name whose model changes between the policy's and the reference's weights.</summary>
    public const string Swapped = "swapped";

    /// <summary>Name under which the classifier is served.</summary>
    public const string Classifier = "sentiment";

    // Enough that draws with one seed differ between the two models.
    private const float Factor = 1.25f;

    private LoadModels(string label, string policy, string classifier)
    {
        Label = label;
        Root = Directory.CreateTempSubdirectory("rudder-load-").FullName;
        PolicyFolder = ModelCopies.Scaled(policy, Path.Combine(Root, Policy), 1);
        ReferenceFolder = ModelCopies.Scaled(policy, Path.Combine(Root, Reference), Factor);
        ClassifierFolder = ModelCopies.Scaled(classifier, Path.Combine(Root, Classifier), 1);
        Vocabulary = ModelConfig.Load(PolicyFolder).VocabularySize;
        ClassifierVocabulary = ModelConfig.Load(ClassifierFolder).VocabularySize;
    }

    /// <summary>Which models these are, for reports.</summary>
    public string Label { get; }

    /// <summary>Folder of all three; the service's model root.</summary>
    public string Root { get; }

    /// <summary>The policy's folder.</summary>
    public string PolicyFolder { get; }

    /// <summary>The reference's folder.</summary>
    public string ReferenceFolder { get; }

    /// <summary>The classifier's folder.</summary>
    public string ClassifierFolder { get; }

    /// <summary>Token ids of policy and reference.</summary>
    public int Vocabulary { get; }

    /// <summary>Token ids of the classifier.</summary>
    public int ClassifierVocabulary { get; }

    /// <summary>The fixture models: a few thousand parameters.</summary>
    public static LoadModels Tiny() => new("tiny fixtures", ModelCopies.Fixture("tiny-gpt2"), ModelCopies.Fixture("tiny-roberta"));

    /// <summary>The embedded models where a benchmark has exported them, the fixtures otherwise.</summary>
    public static LoadModels Best()
    {
        string Exported(string name) => Path.Combine(SharedFolder.Root, "artifacts", "bench", "models", name);
        string[] folders = [Exported("imdb-mini"), Exported("sentiment-mini")];
        return Array.TrueForAll(folders, folder => File.Exists(Path.Combine(folder, "onnx", "export.json")))
            ? new LoadModels("imdb-mini and sentiment-mini", folders[0], folders[1])
            : Tiny();
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Root, recursive: true);
}
