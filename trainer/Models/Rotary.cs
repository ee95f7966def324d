using Rudder.Checkpoints;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>What attention knows about the positions of a batch: the angles that turn queries and keys, and which tokens see which.</summary>
/// <param name="Cosines">[T,R], each frequency twice, R numbers of a head that turn.</param>
/// <param name="Sines">[T,R]</param>
/// <param name="Mask">[T,T], true where the row's token sees the column's; null: every token sees itself and all earlier ones.</param>
internal sealed record Rotary(Tensor Cosines, Tensor Sines, Tensor? Mask)
{
    /// <summary>The positions from 0 to <paramref name="time"/> - 1. Angles are float32, as the models were trained.</summary>
    /// <param name="positions">Frequencies.</param>
    /// <param name="time">T.</param>
    /// <param name="width">R, even.</param>
    /// <param name="window">Tokens that a token sees, itself included; null: all earlier ones.</param>
    /// <param name="device">Where the tensors live.</param>
    public static Rotary Of(RotaryPositions positions, long time, int width, int? window, Device device)
    {
        Tensor angles = arange(time, float32, device).outer(tensor(positions.InverseFrequencies(width), device: device)); // [T,R/2]
        angles = cat([angles, angles], -1); // [T,R]
        return new Rotary(angles.cos(), angles.sin(), window < time ? Band(time, window.Value, device) : null);
    }

    /// <summary>Turns heads. Numbers i and i + R/2 make a pair (transformers' <c>rotate_half</c>); numbers from R on stay.</summary>
    /// <param name="heads">[B,H,T,E]; the angles are applied in float32, and the result has its type.</param>
    public Tensor Turn(Tensor heads)
    {
        long width = Cosines.shape[1];
        Tensor turned = heads.narrow(-1, 0, width); // [B,H,T,R]
        Tensor[] halves = turned.chunk(2, -1); // 2 × [B,H,T,R/2]
        turned = ((turned * Cosines) + (cat([-halves[1], halves[0]], -1) * Sines)).to(heads.dtype); // [B,H,T,R]
        long rest = heads.shape[3] - width;
        return rest == 0 ? turned : cat([turned, heads.narrow(-1, width, rest)], -1); // [B,H,T,E]
    }

    private static Tensor Band(long time, int window, Device device)
    {
        Tensor places = arange(time, int64, device);
        Tensor distance = places.unsqueeze(1) - places.unsqueeze(0); // [T,T]
        return distance.ge(0).logical_and(distance.lt(window)); // [T,T]
    }
}
