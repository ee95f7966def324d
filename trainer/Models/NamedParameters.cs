using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>A parameter and its name in checkpoints.</summary>
internal sealed record NamedParameter(string Name, Parameter Value);

/// <summary>Reads, fills and freezes the parameters of a module by name.</summary>
internal static class NamedParameters
{
    /// <summary>The module's parameters in registration order.</summary>
    public static IReadOnlyList<NamedParameter> Of(nn.Module module) =>
        [.. module.named_parameters().Select(p => new NamedParameter(p.Item1, p.Item2))];

    /// <summary>Overwrites the parameter with <paramref name="values"/> in row-major order.</summary>
    public static void Fill(NamedParameter parameter, float[] values)
    {
        if (parameter.Value.numel() != values.LongLength)
        {
            throw new BadInputException($"{parameter.Name} takes {parameter.Value.numel()} values, not {values.LongLength}.");
        }

        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        parameter.Value.copy_(tensor(values).reshape(parameter.Value.shape));
    }

    /// <summary>The parameter's values in row-major order.</summary>
    public static float[] Values(Tensor parameter)
    {
        using var scope = NewDisposeScope();
        return parameter.detach().to(float32).cpu().contiguous().data<float>().ToArray();
    }

    /// <summary>The parameter's values in row-major order: where they lie if they are float32 on the CPU, otherwise a copy.</summary>
    /// <remarks>Read it before the parameter changes or is disposed.</remarks>
    public static ReadOnlyMemory<float> View(Tensor parameter) =>
        TensorMemory.CanView(parameter) ? new TensorMemory(parameter).Memory : Values(parameter);

    /// <summary>Freezes a model's first blocks.</summary>
    /// <param name="model">The model.</param>
    /// <param name="blocks">0 to the number of its blocks.</param>
    public static void FreezeBlocks(ITrainableModel model, int blocks)
    {
        if (blocks < 0 || blocks > model.Config.Layers)
        {
            throw new BadInputException($"freeze_blocks is {blocks}; the model has {model.Config.Layers} blocks. Give 0 to {model.Config.Layers}.");
        }

        string[] frozen = [.. Enumerable.Range(0, blocks).Select(block => $"{model.BlockPrefix}{block}.")];
        foreach (NamedParameter parameter in model.Parameters.Where(p => frozen.Any(prefix => p.Name.StartsWith(prefix, StringComparison.Ordinal))))
        {
            parameter.Value.requires_grad_(false);
        }
    }

    /// <summary>The parameters that are not frozen.</summary>
    public static IReadOnlyList<NamedParameter> Trainable(IEnumerable<NamedParameter> parameters) =>
        [.. parameters.Where(p => p.Value.requires_grad)];
}
