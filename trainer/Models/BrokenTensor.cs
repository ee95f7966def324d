using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>Finds where a forward pass first leaves the finite numbers.</summary>
internal static class BrokenTensor
{
    /// <summary>Repeats a forward pass and watches the output of every module, in the order in which they run.</summary>
    /// <param name="models">The models of the pass, each with a prefix for its names.</param>
    /// <param name="forward">Runs the pass; what it computes besides is thrown away.</param>
    /// <returns>
    /// <c>weight NAME</c> if the first module with a NaN or infinite output has such a weight, else <c>NAME output</c>; null where every output
    /// is finite.
    /// </returns>
    public static string? First(IReadOnlyList<(string Prefix, ITrainableModel Model)> models, Action forward)
    {
        string? first = null;
        List<Action> remove = [];
        try
        {
            foreach ((string prefix, ITrainableModel model) in models)
            {
                foreach ((string name, nn.Module module) in model.named_modules())
                {
                    // Modules of another signature have no tensor output of their own; their parts are watched.
                    if (module is nn.Module<Tensor, Tensor> watched)
                    {
                        var hook = watched.register_forward_hook((own, _, output) =>
                        {
                            first ??= IsBroken(output) ? Name(prefix + name, own) : null;
                            return output;
                        });
                        remove.Add(hook.remove);
                    }
                }
            }

            forward();
        }
        finally
        {
            remove.ForEach(hook => hook());
        }

        return first;
    }

    /// <summary>The same for a single model.</summary>
    public static string? First(ITrainableModel model, Action forward) => First([(string.Empty, model)], forward);

    /// <summary>Whether any value is NaN or infinite.</summary>
    public static bool IsBroken(Tensor values)
    {
        using IDisposable quiet = no_grad();
        using var scope = NewDisposeScope();
        return values.numel() > 0 && !float.IsFinite(values.detach().abs().max().to(float32).item<float>()); // the maximum keeps NaN
    }

    private static string Name(string path, nn.Module module)
    {
        (string Name, TorchSharp.Modules.Parameter Value)[] weights = [.. module.named_parameters(recurse: false)];
        string? broken = weights.FirstOrDefault(weight => IsBroken(weight.Value)).Name;
        return broken is null ? $"{path} output" : $"weight {path}.{broken}";
    }
}
