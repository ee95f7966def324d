using System.Text.Json;
using Rudder.Tests;
using Rudder.Trainer.Adapters;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Adapters;

/// <summary>An adapter of ../shared/fixtures with the numbers that PEFT 0.15.2 gives for it. Tests skip where it is absent.</summary>
/// <param name="name">Folder of the adapter.</param>
internal sealed class AdapterFixture(string name)
{
    /// <summary>Where the adapter lies.</summary>
    public string Folder { get; } = SharedFolder.Require(["fixtures", .. name.Split('/')]);

    /// <summary>Its base.</summary>
    public string Base => Path.GetFullPath(Path.Combine(Folder, Expected.GetProperty("base").GetString()!));

    /// <summary>Its numbers in lora.json.</summary>
    public JsonElement Expected { get; } = JsonDocument.Parse(File.ReadAllText(SharedFolder.Require("fixtures", "lora.json"))).RootElement
        .GetProperty("variants").EnumerateArray().Single(variant => variant.GetProperty("adapter").GetString() == name);

    /// <summary>The prompts.</summary>
    public int[][] Rows => FixtureFiles.Rows(Expected.GetProperty("input_ids"));

    /// <summary>Loads the base without the adapter.</summary>
    public ILanguageModel LoadBase()
    {
        ILanguageModel model = ModelFolder.Load<ILanguageModel>(Base, CPU, dropout: 0);
        model.eval();
        return model;
    }

    /// <summary>Loads the base with the adapter.</summary>
    public AdaptedLanguageModel Load()
    {
        ILanguageModel model = LoadBase();
        return new AdaptedLanguageModel(model, LoraAdapter.Load(model, Folder), Base);
    }
}
