namespace TorchSharp;

/// <summary>Kinds of device, numbered as libtorch does.</summary>
public enum DeviceType
{
    CPU = 0,
    CUDA = 1,
}

/// <summary>How a division rounds.</summary>
public enum RoundingMode
{
    None,
    trunc,
    floor,
}

/// <summary>What fills the border that padding adds.</summary>
public enum PaddingModes
{
    Zeros = 0,
    Reflect = 1,
    Replicate = 2,
    Circular = 3,
    Constant = 4,
}

/// <summary>The library's root, named as Python's: element types, devices and sizes.</summary>
public static partial class torch
{
    public static ScalarType float16 = ScalarType.Float16;
    public static ScalarType float32 = ScalarType.Float32;
    public static ScalarType bfloat16 = ScalarType.BFloat16;
    public static ScalarType int64 = ScalarType.Int64;
    public static readonly Device CPU = new(DeviceType.CPU);

    private static ScalarType s_default = ScalarType.Float32;

    /// <summary>Element types, numbered as libtorch does.</summary>
    public enum ScalarType : sbyte
    {
        Byte = 0,
        Int8 = 1,
        Int16 = 2,
        Int32 = 3,
        Int64 = 4,
        Float16 = 5,
        Float32 = 6,
        Float64 = 7,
        ComplexFloat32 = 9,
        ComplexFloat64 = 10,
        Bool = 11,
        BFloat16 = 15,
    }

    public static Device CUDA => new(DeviceType.CUDA);

    public static Device device(string description) => new(description);

    public static Device device(DeviceType deviceType, int index = -1) => new(deviceType, index);

    public static void set_default_dtype(ScalarType dtype) => s_default = dtype;

    public static void InitializeDeviceType(DeviceType deviceType)
    {
        if (!TryInitializeDeviceType(deviceType))
        {
            throw new NotSupportedException($"device {deviceType} is not available: this libtorch is a CPU build. Use --device cpu, or a machine whose feed has TorchSharp-cuda-linux.");
        }
    }

    public static bool TryInitializeDeviceType(DeviceType deviceType) => deviceType == DeviceType.CPU || cuda.is_available();

    /// <summary>Where a tensor lives.</summary>
    public class Device
    {
        internal Device(string description)
        {
            string[] parts = description.Split(':', 2);
            type = parts[0].ToLowerInvariant() switch
            {
                "cpu" => DeviceType.CPU,
                "cuda" => DeviceType.CUDA,
                _ => throw new ArgumentException($"device is '{description}'; known are cpu and cuda, cuda:0, ...", nameof(description)),
            };
            index = parts.Length == 2 ? int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture) : -1;
        }

        internal Device(DeviceType type, int index = -1)
        {
            this.type = type;
            this.index = index;
        }

        public DeviceType type { get; }

        public int index { get; }

        public override string ToString() => (type == DeviceType.CPU ? "cpu" : "cuda") + (index >= 0 ? $":{index}" : "");

        public override bool Equals(object obj) => obj is Device other && other.type == type && other.index == index;

        public override int GetHashCode() => HashCode.Combine(type, index);
    }

    /// <summary>NVIDIA devices, as far as this libtorch knows any.</summary>
    public static class cuda
    {
        public static bool is_available() => Native.Door.door_cuda_available() != 0;

        public static int device_count() => is_available() ? 1 : 0;
    }
}
