using static TorchSharp.torch;

namespace Rudder.Trainer.Data;

/// <summary>Generators that depend only on the seed and a place in the data: a resumed run draws the same numbers.</summary>
internal static class EpochRandom
{
    /// <summary>The generator of an epoch.</summary>
    public static Random Of(int seed, int epoch) => Of(seed, epoch, -1);

    /// <summary>The generator of one row in an epoch.</summary>
    public static Random Of(int seed, int epoch, int row)
    {
        // splitmix64's finaliser spreads the three numbers over all bits
        ulong z = ((ulong)(uint)seed * 0x9E3779B97F4A7C15) + ((ulong)(uint)epoch << 32) + (uint)row;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return new Random((int)((z ^ (z >> 31)) & int.MaxValue));
    }

    /// <summary>
    /// Seeds torch's generators on CUDA for the step that follows <paramref name="done"/> steps. TorchSharp cannot save their state, so
    /// it must follow from the step. The CPU's generator is saved with each checkpoint.
    /// </summary>
    public static void SeedCuda(int seed, int done)
    {
        if (cuda.is_available())
        {
            cuda.manual_seed_all(Of(seed, done, -2).NextInt64());
        }
    }
}
