using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Numbers that a recipe carries from step to step beside its weights. They are float32, as a checkpoint stores them.</summary>
/// <param name="count">How many; all start at 0.</param>
internal sealed class CarriedNumbers(int count) : IDisposable
{
    private readonly Tensor _values = zeros(count).DetachFromDisposeScope();

    /// <summary>The numbers for a checkpoint.</summary>
    public NamedState State => new("carried", _values);

    /// <summary>One number; a new value is rounded to float32.</summary>
    /// <param name="i">Its place.</param>
    public double this[int i]
    {
        get => NamedParameters.Values(_values)[i];
        set
        {
            using IDisposable quiet = no_grad();
            using var scope = NewDisposeScope();
            float[] values = NamedParameters.Values(_values);
            values[i] = (float)value;
            _values.copy_(tensor(values));
        }
    }

    public void Dispose() => _values.Dispose();
}
