using Rudder.Checkpoints;
using Rudder.Engine.Tests.Support;
using Rudder.InferenceService.Tests.Grpc;

[assembly: AssemblyFixture(typeof(SharedService))]

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>One service with every kind of tiny model, for all tests that do not change it.</summary>
public sealed class SharedService : IAsyncLifetime
{
    /// <summary>A generator without a tokenizer.</summary>
    public const string Ids = "gpt2-ids";

    /// <summary>The same weights with a tokenizer.</summary>
    public const string Text = "gpt2-text";

    /// <summary>Some of the weights changed.</summary>
    public const string Perturbed = "gpt2-perturbed";

    /// <summary>A classifier without a tokenizer.</summary>
    public const string ClassifierIds = "roberta-ids";

    /// <summary>A classifier with a tokenizer.</summary>
    public const string ClassifierText = "roberta-text";

    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-service-").FullName;

    /// <summary>The service.</summary>
    internal RunningService Service { get; private set; } = null!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => Service = await RunningService.StartAsync(
    [
        $"--Service:ModelRoots:0={_folder}",
        .. RunningService.Model(0, Ids, ModelCopies.Plain("tiny-gpt2", Path.Combine(_folder, Ids))),
        .. RunningService.Model(1, Text, ModelCopies.WithTokenizer("tiny-gpt2", Path.Combine(_folder, Text), TokenizerFamily.Gpt2)),
        .. RunningService.Model(2, Perturbed, ModelCopies.Perturbed("tiny-gpt2", Path.Combine(_folder, Perturbed))),
        .. RunningService.Model(3, ClassifierIds, ModelCopies.Plain("tiny-roberta", Path.Combine(_folder, ClassifierIds))),
        .. RunningService.Model(4, ClassifierText, ModelCopies.WithTokenizer("tiny-roberta", Path.Combine(_folder, ClassifierText), TokenizerFamily.Roberta)),
    ]);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Service.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
