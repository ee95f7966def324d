using TorchSharp.Native;

namespace TorchSharp;

/// <summary>Random number generators and their state.</summary>
public static partial class torch
{
    public static Generator manual_seed(long seed) => random.manual_seed(seed);

    public static Tensor get_rng_state() => random.get_rng_state();

    public static void set_rng_state(Tensor new_state) => random.set_rng_state(new_state);

    /// <summary>The default generator.</summary>
    public static class random
    {
        private static readonly Generator s_default = new(Door.door_default_generator());

        public static Generator manual_seed(long seed)
        {
            Door.Check(Door.door_manual_seed(unchecked((ulong)seed)));
            return s_default;
        }

        public static long initial_seed() => s_default.initial_seed();

        public static Tensor get_rng_state() => s_default.get_state();

        public static void set_rng_state(Tensor new_state) => s_default.set_state(new_state);
    }

    /// <summary>A source of random numbers on the CPU.</summary>
    public class Generator : IDisposable
    {
        private nint _handle;

        public Generator(ulong seed = 0, Device device = null)
        {
            if (device is { type: not DeviceType.CPU })
            {
                throw new NotSupportedException($"generators exist on the CPU only; the device given is {device}.");
            }

            _handle = Door.door_new_generator(seed);
        }

        internal Generator(nint handle) => _handle = handle;

        ~Generator() => Free();

        internal nint Native => _handle != 0 ? _handle : throw new ObjectDisposedException(nameof(Generator));

        public long initial_seed() => unchecked((long)Door.door_initial_seed(Native));

        public Generator manual_seed(long seed)
        {
            Door.Check(Door.door_reseed(Native, unchecked((ulong)seed)));
            return this;
        }

        public unsafe Tensor get_state()
        {
            nint state;
            Door.Check(Door.door_generator_state(Native, &state));
            return new Tensor(state);
        }

        public void set_state(Tensor value)
        {
            Door.Check(Door.door_set_generator_state(Native, value.Handle));
            GC.KeepAlive(value);
        }

        public void Dispose()
        {
            Free();
            GC.SuppressFinalize(this);
        }

        private void Free()
        {
            nint handle = Interlocked.Exchange(ref _handle, 0);
            if (handle != 0)
            {
                Door.door_free_generator(handle);
            }
        }
    }
}
