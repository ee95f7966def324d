using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Rudder.Checkpoints;
using Rudder.Tests;

namespace Rudder.Engine.Tests.Support;

/// <summary>Copies of the fixture models with a tokenizer or with other weights, sealed again so that the service accepts them.</summary>
internal static class ModelCopies
{
    /// <summary>A fixture as it is.</summary>
    public static string Fixture(string name) => Path.Combine(SharedFolder.Root, "tests", "Fixtures", name);

    /// <summary>Copies a fixture with its graphs.</summary>
    public static string Plain(string fixture, string target)
    {
        Directory.CreateDirectory(Path.Combine(target, "onnx"));
        string[] root = [.. new[] { "config.json", "model.safetensors", "genai_config.json" }.Where(file => File.Exists(Path.Combine(Fixture(fixture), file)))];
        foreach (string file in (string[])[.. root, .. Directory.GetFiles(Path.Combine(Fixture(fixture), "onnx")).Select(path => $"onnx/{Path.GetFileName(path)}")])
        {
            File.Copy(Path.Combine(Fixture(fixture), file), Path.Combine(target, file));
        }

        return Sealed(target);
    }

    /// <summary>Copies a fixture and gives it a tokenizer of its 512 ids, or fewer, trained on tests/Fixtures/prose.txt.</summary>
    public static string WithTokenizer(string fixture, string target, TokenizerFamily family, int ids = 512)
    {
        Plain(fixture, target);
        string prose = File.ReadAllText(Fixture("prose.txt"));
        string[] specials = family == TokenizerFamily.Gpt2 ? ["<|endoftext|>"] : ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];
        BpeTraining.Train([prose], ids, specials, target, family);
        return Sealed(target);
    }

    /// <summary>Copies a fixture and scales every hundredth weight of its graphs.</summary>
    public static string Perturbed(string fixture, string target)
    {
        Plain(fixture, target);
        string file = Path.Combine(target, "onnx", "model.onnx_data");
        byte[] bytes = File.ReadAllBytes(file);
        var floats = MemoryMarshal.Cast<byte, float>(bytes.AsSpan(0, bytes.Length / 4 * 4));
        for (int i = 0; i < floats.Length; i += 100)
        {
            floats[i] *= 1.5f;
        }

        File.WriteAllBytes(file, bytes);
        return Sealed(target);
    }

    /// <summary>Copies any exported model and multiplies every fp32 weight, in the checkpoint and in the graphs: another model, of another fingerprint.</summary>
    public static string Scaled(string source, string target, float factor)
    {
        Directory.CreateDirectory(Path.Combine(target, "onnx"));
        foreach (string file in Directory.GetFiles(source).Concat(Directory.GetFiles(Path.Combine(source, "onnx"))))
        {
            File.Copy(file, Path.Combine(target, Path.GetRelativePath(source, file)));
        }

        string checkpoint = Path.Combine(target, "model.safetensors");
        Scale(checkpoint, sizeof(long) + (int)BitConverter.ToInt64(File.ReadAllBytes(checkpoint)), factor); // a length, then a header of that length
        Scale(Path.Combine(target, "onnx", "model.onnx_data"), 0, factor);
        return Sealed(target);
    }

    /// <summary>A model's float32 weights under the names of its checkpoint.</summary>
    public static Dictionary<string, ReadOnlyMemory<float>> WeightsOf(string folder)
    {
        using var weights = Weights.Open(folder);
        return weights.Tensors.ToDictionary(tensor => tensor.Name, tensor => (ReadOnlyMemory<float>)weights.ReadFloat32(tensor.Name));
    }

    /// <summary>Multiplies the float32 values of a file; seal its folder afterwards.</summary>
    /// <param name="file">The file.</param>
    /// <param name="start">Byte at which they begin.</param>
    /// <param name="factor">The factor.</param>
    public static void Scale(string file, int start, float factor)
    {
        byte[] bytes = File.ReadAllBytes(file);
        foreach (ref float weight in MemoryMarshal.Cast<byte, float>(bytes.AsSpan(start, (bytes.Length - start) / sizeof(float) * sizeof(float))))
        {
            weight *= factor;
        }

        File.WriteAllBytes(file, bytes);
    }

    /// <summary>Writes the folder's fingerprint into its graphs and all hashes into export.json.</summary>
    public static string Sealed(string folder)
    {
        string onnx = Path.Combine(folder, "onnx");
        string fingerprint = Fingerprint.OfFolder(folder);
        var graphs = new Dictionary<string, GraphReport>();
        foreach (string graph in Directory.GetFiles(onnx, "*.onnx"))
        {
            byte[] bytes = File.ReadAllBytes(graph);
            byte[] key = Encoding.ASCII.GetBytes("rudder.fingerprint");

            // Key, then the value's tag and length byte, then 64 digits.
            int at = bytes.AsSpan().IndexOf(key) + key.Length + 2;
            Assert.True(at > key.Length + 1, $"{graph} carries no fingerprint");
            Encoding.ASCII.GetBytes(fingerprint).CopyTo(bytes, at);
            File.WriteAllBytes(graph, bytes);
            graphs[Path.GetFileName(graph)] = new GraphReport(Sha256(graph), graph.Contains("quantized", StringComparison.Ordinal) ? "int8" : "fp32", 0, 0, 0);
        }

        var weights = Directory.GetFiles(onnx, "*.onnx_data").ToDictionary(file => Path.GetFileName(file), file => new FileReport(Sha256(file), new FileInfo(file).Length));
        new ExportReport(fingerprint, graphs, weights).Write(onnx);
        return folder;
    }

    private static string Sha256(string file) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));
}
