using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Optimizers;

/// <summary>Builds the optimizer that a recipe names.</summary>
internal static class OptimizerFactory
{
    /// <summary>Creates the optimizer over the parameters that are not frozen.</summary>
    public static IOptimizer Create(OptimizerSettings settings, IReadOnlyList<NamedParameter> trainable)
    {
        if (settings.Betas.Any(b => b is < 0 or >= 1))
        {
            throw new BadInputException($"optimizer.betas is [{string.Join(", ", settings.Betas)}]; each takes 0 to below 1.");
        }

        return settings.Name switch
        {
            "adamw" => new AdamW(trainable, settings.Betas[0], settings.Betas[1], settings.Eps, Decay),
            "rmsprop" => new RmsProp(trainable, settings.Alpha, settings.Eps, Decay),
            _ => throw new BadInputException($"optimizer.name is '{settings.Name}'; it takes adamw or rmsprop."),
        };

        // As is usual for transformers, only matrices decay: biases and layer norms are vectors.
        double Decay(NamedParameter p) => settings.DecayAll || p.Value.dim() > 1 ? settings.WeightDecay : 0;
    }
}
