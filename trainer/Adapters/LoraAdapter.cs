using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes.Settings;
using static TorchSharp.torch;

namespace Rudder.Trainer.Adapters;

/// <summary>A LoRA adapter on a model: the low-rank changes of its layers, and a classifier's head, which is trained in full.</summary>
internal sealed class LoraAdapter
{
    /// <summary>Begins the names of an adapter's weights.</summary>
    public const string Prefix = "base_model.model.";

    private const string SuffixA = ".lora_A.weight";
    private const string SuffixB = ".lora_B.weight";
    private readonly (string Path, AffineMap Layer)[] _layers;
    private readonly NamedParameter[] _head;
    private readonly AdapterConfig _config;

    private LoraAdapter(ITrainableModel model, AdapterConfig config, IEnumerable<(string Path, AffineMap Layer)> layers)
    {
        (_config, _layers) = (config, [.. layers]);
        _head = [.. model.Parameters.Where(parameter => parameter.Name == SequenceHead.WeightName)];
        foreach (NamedParameter parameter in model.Parameters.Except(_head))
        {
            parameter.Value.requires_grad_(false);
        }

        foreach ((_, AffineMap layer) in _layers)
        {
            layer.Attach(config.Rank, config.Scale, config.Dropout);
        }

        Parameters =
        [
            .. _layers.SelectMany(pair => new[]
            {
                new NamedParameter(Prefix + pair.Path + SuffixA, pair.Layer.Change!.A),
                new NamedParameter(Prefix + pair.Path + SuffixB, pair.Layer.Change!.B),
            }),
            .. _head.Select(parameter => parameter with { Name = Prefix + parameter.Name }),
        ];
    }

    /// <summary>Everything that is trained, with its name in adapter_model.safetensors.</summary>
    public IReadOnlyList<NamedParameter> Parameters { get; }

    /// <summary>Whether the layers apply their changes.</summary>
    public bool IsOn
    {
        set
        {
            foreach ((_, AffineMap layer) in _layers)
            {
                layer.Change!.IsOn = value;
            }
        }
    }

    /// <summary>Puts a new adapter on a model and freezes the model's weights. A is uniform within ±1/√in, as in PEFT; B is zero.</summary>
    /// <param name="model">The base.</param>
    /// <param name="settings">Rank, scale and layers.</param>
    /// <param name="seed">Decides A; torch's own generator is not used.</param>
    /// <exception cref="BadInputException">The model lacks a layer, or the rank is larger than a layer's.</exception>
    public static LoraAdapter Create(ITrainableModel model, LoraSettings settings, int seed)
    {
        (string Path, AffineMap Layer)[] layers = Chosen(model, settings);
        bool all = settings.TargetModules[0] == LoraSettings.AllLinear;
        bool isClassifier = model.Config.IsClassifier;
        var adapter = new LoraAdapter(
            model,
            new AdapterConfig
            {
                Rank = settings.Rank,
                Alpha = settings.Alpha,
                Dropout = settings.Dropout,
                UsesRsLora = settings.Rslora,
                IsTransposed = layers.Any(pair => pair.Layer.IsTransposed),
                TargetModules = all ? [.. layers.Select(pair => pair.Path)] : settings.TargetModules,
                SavedModules = isClassifier ? [HeadModule] : [],
                IsClassifier = isClassifier,
            },
            layers);
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        using var random = new Generator((ulong)seed);
        foreach ((_, AffineMap layer) in layers)
        {
            double bound = 1 / Math.Sqrt(layer.Inputs); // Kaiming-uniform with a = √5
            layer.Change!.A.copy_(rand(settings.Rank, layer.Inputs, generator: random).mul(2 * bound).sub(bound));
        }

        return adapter;
    }

    /// <summary>Puts a stored adapter on the model that it was trained on.</summary>
    /// <param name="model">The base.</param>
    /// <param name="folder">A folder in PEFT's layout.</param>
    /// <exception cref="CheckpointException">The folder is damaged, or its adapter does not fit the model.</exception>
    public static LoraAdapter Load(ITrainableModel model, string folder)
    {
        var config = AdapterConfig.Load(folder);
        using var weights = AdapterConfig.OpenWeights(folder);
        var known = Layers(model).ToDictionary(pair => pair.Path, pair => pair.Layer, StringComparer.Ordinal);
        string[] paths = [.. weights.Tensors.Select(tensor => tensor.Name).Where(name => name.EndsWith(SuffixA, StringComparison.Ordinal))
            .Select(name => name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..^SuffixA.Length] : name[..^SuffixA.Length])];
        string? foreign = Array.Find(paths, path => !known.ContainsKey(path));
        if (foreign is not null || paths.Length == 0)
        {
            throw new CheckpointException(
                $"{weights.Path}: {(foreign is null ? "holds no lora_A" : $"changes layer '{foreign}'")}; "
                + $"the base is a {model.Config.ModelType} of {model.Config.Layers} blocks with {Names(known.Keys)}. Give the base that the adapter was trained on.");
        }

        foreach (string path in paths)
        {
            RequireShape(weights, Prefix + path + SuffixA, [config.Rank, known[path].Inputs]);
            RequireShape(weights, Prefix + path + SuffixB, [known[path].Outputs, config.Rank]);
        }

        var adapter = new LoraAdapter(model, config, Layers(model).Where(pair => paths.Contains(pair.Path)));
        string[] expected = [.. adapter.Parameters.Select(parameter => parameter.Name)];
        if (weights.Tensors.Select(tensor => tensor.Name).Except(expected).FirstOrDefault() is string surplus)
        {
            throw new CheckpointException(
                $"{weights.Path}: tensor '{surplus}' has no place in an adapter of linear layers. Merge the adapter with PEFT first.");
        }

        foreach (NamedParameter parameter in adapter.Parameters)
        {
            NamedParameters.Fill(parameter, weights.ReadFloat32(parameter.Name, parameter.Value.shape));
        }

        return adapter;
    }

    /// <summary>The model's weights with the changes added, W + scale·B·A, by checkpoint name. The model itself keeps its weights.</summary>
    /// <param name="model">The model that carries this adapter.</param>
    public IReadOnlyList<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> Merged(ITrainableModel model)
    {
        var changed = _layers.ToDictionary(pair => pair.Path + ".weight", pair => pair.Layer, StringComparer.Ordinal);
        return
        [
            .. model.Collect().Select(weight => changed.TryGetValue(weight.Name, out AffineMap? layer) ? weight with { Data = Sum(layer) } : weight),
        ];
    }

    /// <summary>Writes the folder in PEFT's layout.</summary>
    /// <param name="folder">Created if absent.</param>
    /// <param name="baseModel">Folder or name of the base.</param>
    /// <param name="type">Precision of the stored weights.</param>
    public void Save(string folder, string baseModel, WeightType type)
    {
        Directory.CreateDirectory(folder);
        SafetensorsWriter.Write(
            Path.Combine(folder, AdapterConfig.WeightsName),
            [
                .. from parameter in Parameters.OrderBy(parameter => parameter.Name, StringComparer.Ordinal)
                   select (parameter.Name, parameter.Value.shape, (ReadOnlyMemory<float>)NamedParameters.Values(parameter.Value)),
            ],
            type);
        (_config with { Base = baseModel }).Save(folder);
    }

    private static string HeadModule => SequenceHead.WeightName[..SequenceHead.WeightName.IndexOf('.', StringComparison.Ordinal)];

    /// <summary>The linear layers of the blocks with their paths in checkpoints. PEFT leaves the output matrix out, too.</summary>
    private static IEnumerable<(string Path, AffineMap Layer)> Layers(ITrainableModel model)
    {
        string prefix = model.ModulePrefix ?? throw new BadInputException(
            $"A {model.Config.ModelType} model takes no adapter here, as its layers are not stored one by one. Leave lora out.");
        return
        [
            .. from part in model.named_modules()
               where part.module is AffineMap && part.name.StartsWith(model.BlockPrefix, StringComparison.Ordinal)
               select (prefix + part.name, (AffineMap)part.module),
        ];
    }

    private static (string Path, AffineMap Layer)[] Chosen(ITrainableModel model, LoraSettings settings)
    {
        (string Path, AffineMap Layer)[] all = [.. Layers(model)];
        string? unknown = settings.TargetModules.FirstOrDefault(name =>
            name != LoraSettings.AllLinear && !all.Any(pair => Matches(pair.Path, name)));
        if (unknown is not null)
        {
            throw new BadInputException(
                $"lora.target_modules holds '{unknown}'; the linear layers of this {model.Config.ModelType} are "
                + $"{Names(all.Select(pair => pair.Path))}. Name some of these, give full paths such as {all[0].Path}, or '{LoraSettings.AllLinear}'.");
        }

        (string Path, AffineMap Layer)[] chosen =
            [.. all.Where(pair => settings.TargetModules.Any(name => name == LoraSettings.AllLinear || Matches(pair.Path, name)))];
        (string path, AffineMap? narrow) = Array.Find(chosen, pair => settings.Rank > Math.Min(pair.Layer.Inputs, pair.Layer.Outputs));
        return narrow is null ? chosen : throw new BadInputException(
            $"lora.rank is {settings.Rank}; {path} maps {narrow.Inputs} numbers to {narrow.Outputs}, so a change of it has at most rank "
            + $"{Math.Min(narrow.Inputs, narrow.Outputs)}. Lower the rank, or leave that layer out of lora.target_modules.");
    }

    // PEFT's rule: the whole path, or its end after a dot.
    private static bool Matches(string path, string name) =>
        path == name || (path.EndsWith(name, StringComparison.Ordinal) && path.Length > name.Length && path[^(name.Length + 1)] == '.');

    private static string Names(IEnumerable<string> paths) =>
        string.Join(", ", paths.Select(path => path[(path.LastIndexOf('.') + 1)..]).Distinct().Order(StringComparer.Ordinal));

    private static void RequireShape(Weights weights, string name, long[] expected)
    {
        if (weights.Contains(name) && !weights[name].Shape.AsSpan().SequenceEqual(expected))
        {
            throw new CheckpointException(
                $"{weights.Path}: tensor '{name}' has shape [{string.Join(", ", weights[name].Shape)}]; "
                + $"the rank in {AdapterConfig.FileName} and the base give [{string.Join(", ", expected)}]. Give the base that the adapter was trained on.");
        }
    }

    private static float[] Sum(AffineMap layer)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        Tensor change = layer.Change!.Matrix(); // [out,in]
        return NamedParameters.Values(layer.Weight + (layer.IsTransposed ? change.t() : change)); // the weight's shape
    }
}
