using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Rudder.Checkpoints.Tests;

/// <summary>Makes weight files byte by byte, sound and hostile ones.</summary>
internal static class WeightBytes
{
    /// <summary>A safetensors file of a header and data, whether they fit or not.</summary>
    public static byte[] Safetensors(string header, byte[] data, long? headerLength = null)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        var prefix = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, headerLength ?? json.Length);
        return [.. prefix, .. json, .. data];
    }

    /// <summary>A PyTorch archive of a pickle and storages.</summary>
    public static byte[] TorchZip(byte[] pickle, params (string Key, byte[] Data)[] storages)
    {
        using var buffer = new MemoryStream();
        using (var archive = new ZipArchive(buffer, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add(archive, "m/data.pkl", pickle);
            foreach (var (key, data) in storages)
            {
                Add(archive, $"m/data/{key}", data);
            }
        }

        return buffer.ToArray();
    }

    /// <summary>The pickle of <c>{"w": tensor}</c> with one float storage "0".</summary>
    public static byte[] TensorPickle(int elements, int offset, int[] shape, int[] strides) =>
    [
        0x80, 2, .. "}X\u0001\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(("u8, .. "X\u0007\0\0\0storagectorch\nFloatStorage\n"u8,
        .. "X\u0001\0\0\0"u8, .. "0X\u0003\0\0\0cpu"u8, .. Int(elements), (byte)'t', (byte)'Q', .. Int(offset),
        (byte)'(', .. shape.SelectMany(Int), (byte)'t', (byte)'(', .. strides.SelectMany(Int), (byte)'t',
        0x89, .. "ccollections\nOrderedDict\n)RtRs."u8,
    ];

    /// <summary>Floats as little-endian bytes.</summary>
    public static byte[] Floats(params float[] values)
    {
        var bytes = new byte[values.Length * 4];
        Buffer.BlockCopy(values, 0, bytes, 0, bytes.Length);
        return bytes;
    }

    private static byte[] Int(int value)
    {
        var bytes = new byte[5];
        bytes[0] = (byte)'J';
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(1), value);
        return bytes;
    }

    private static void Add(ZipArchive archive, string name, byte[] data)
    {
        using var stream = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
        stream.Write(data);
    }
}
