using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Trainer.Architectures.Gpt2;
using Rudder.Trainer.Export;

namespace Rudder.Benchmarks;

/// <summary>
/// The models of the benchmarks, created once below artifacts/bench: embedded models with fp32 and int8 graphs, GPT-2's shapes with
/// random weights, and a fixture in float16.
/// </summary>
internal static class BenchmarkModel
{
    private const int Seed = 124;
    private const float WeightDeviation = 0.02f;             // GPT-2's own initialization
    private const float TableDeviation = 0.1f;               // spreads the logits over a few nats, so that truncated sampling has tokens to cut
    private const string StampName = "exporter.sha256";
    private static readonly ExportSettings Both = new() { Fp32 = true, Int8 = true };
    private static readonly ExportSettings Float16 = new() { Fp32 = false, Fp16 = true };

    /// <summary>Returns the folder of a copy of an embedded model with its graphs.</summary>
    /// <param name="name">Folder below models/.</param>
    public static string Exported(string name)
    {
        string source = Path.Combine(Root(), "models", name);
        string copy = Folder(name);
        if (IsExported(copy, Fingerprint.OfFolder(source), Both))
        {
            return copy;
        }

        Directory.CreateDirectory(copy);
        foreach (string file in Directory.EnumerateFiles(source))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)), overwrite: true);
        }

        Export(copy, Both);
        return copy;
    }

    /// <summary>
    /// Returns the folder of GPT-2's 124M shape with its graphs: 12 layers, 12 heads, width 768, vocabulary 50,257, random weights
    /// (Gaussian, seeded), no tokenizer.
    /// </summary>
    public static string Gpt2Small() => RandomGpt2("gpt2-124m-random", layers: 12, heads: 12, width: 768, Both);

    /// <summary>
    /// Returns the folder of GPT-2 large's 774M shape with only its float16 decoder: 36 layers, 20 heads, width 1,280, random weights.
    /// Takes 6 GB of disk and 8 GB of memory.
    /// </summary>
    public static string Gpt2Large() => RandomGpt2("gpt2-774m-random", layers: 36, heads: 20, width: 1280, Float16);

    /// <summary>Returns the folder of a copy of a fixture model with its float16 decoder.</summary>
    /// <param name="name">Folder below tests/Fixtures/.</param>
    public static string Fixture(string name)
    {
        string copy = Folder(name + "-fp16");
        Directory.CreateDirectory(copy);
        foreach (string file in (string[])["config.json", "model.safetensors"])
        {
            File.Copy(Path.Combine(Fixtures(name), file), Path.Combine(copy, file), overwrite: true);
        }

        if (!IsExported(copy, Fingerprint.OfFolder(copy), Float16))
        {
            Export(copy, Float16);
        }

        return copy;
    }

    /// <summary>
    /// Returns a fixture's prompts of five tokens and the twenty that greedy decoding adds, as Hugging Face's code computed them.
    /// </summary>
    /// <param name="name">Folder below tests/Fixtures/.</param>
    public static int[][] GreedyFixture(string name)
    {
        using var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(Fixtures(name), "expected.json")));
        return expected.RootElement.GetProperty("greedy_from_first_5_plus_20").Deserialize<int[][]>()!;
    }

    private static string Fixtures(string name) => Path.Combine(Root(), "tests", "Fixtures", name);

    private static string RandomGpt2(string name, int layers, int heads, int width, ExportSettings graphs)
    {
        string folder = Folder(name);
        string weights = Path.Combine(folder, "model.safetensors");
        if (!File.Exists(weights))
        {
            Directory.CreateDirectory(folder);
            AtomicFile.WriteText(Path.Combine(folder, "config.json"), JsonSerializer.Serialize(new
            {
                model_type = "gpt2", vocab_size = 50257, n_positions = 1024, n_ctx = 1024, n_embd = width, n_layer = layers, n_head = heads,
                layer_norm_epsilon = 1e-5, activation_function = "gelu_new", bos_token_id = 50256, eos_token_id = 50256,
            }) + "\n");
            WriteRandomWeights(weights, ModelConfig.Load<Gpt2Config>(folder));
        }

        if (!IsExported(folder, Fingerprint.OfFolder(folder), graphs))
        {
            Export(folder, graphs);
        }

        return folder;
    }

    private static void WriteRandomWeights(string path, Gpt2Config config)
    {
        var random = new Random(Seed);
        List<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> tensors = [];
        foreach ((string name, long[] shape) in Gpt2Weights.Expected(config))
        {
            float[] values = new float[shape.Aggregate(1L, (product, size) => product * size)];
            bool isNormalization = name.Contains("ln_", StringComparison.Ordinal);
            if (shape.Length == 1)
            {
                Array.Fill(values, isNormalization && name.EndsWith(".weight", StringComparison.Ordinal) ? 1 : 0);
            }
            else
            {
                Fill(values, random, name == "wte.weight" ? TableDeviation : WeightDeviation);
            }

            tensors.Add((name, shape, values));
        }

        SafetensorsWriter.Write(path, tensors, WeightType.F32);
    }

    // Box–Muller: two Gaussian numbers from two uniform ones.
    private static void Fill(Span<float> values, Random random, float deviation)
    {
        for (int i = 0; i < values.Length; i += 2)
        {
            double radius = deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            double angle = 2 * Math.PI * random.NextDouble();
            values[i] = (float)(radius * Math.Cos(angle));
            if (i + 1 < values.Length)
            {
                values[i + 1] = (float)(radius * Math.Sin(angle));
            }
        }
    }

    private static string Folder(string name) => Path.Combine(Root(), "artifacts", "bench", "models", name);

    private static void Export(string folder, ExportSettings settings)
    {
        string stamp = Path.Combine(folder, StampName);
        File.Delete(stamp);                                  // an interrupted export must not leave a valid stamp
        ModelExport.Run(folder, settings, threads: 2);
        AtomicFile.WriteText(stamp, ExporterHash(settings));
    }

    /// <summary>Whether this exporter made the folder's graphs from this model.</summary>
    private static bool IsExported(string folder, string fingerprint, ExportSettings settings)
    {
        string stamp = Path.Combine(folder, StampName);
        return File.Exists(stamp)
            && File.ReadAllText(stamp) == ExporterHash(settings)
            && ExportReport.Read(Path.Combine(folder, GraphFiles.Folder)).Fingerprint == fingerprint;
    }

    /// <summary>
    /// SHA-256 over the settings and the sources of the exporter, so that graphs of an older exporter are exported again.
    /// </summary>
    private static string ExporterHash(ExportSettings settings)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(settings.ToString()));
        foreach (string file in new[] { "trainer/Export", "trainer/Architectures", "checkpoints/Graphs" }
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Root(), folder), "*", SearchOption.AllDirectories)).Order(StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(Path.GetFileName(file)));
            hash.AppendData(File.ReadAllBytes(file));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string Root()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder.TrimEnd('/')))
        {
            if (File.Exists(Path.Combine(folder, "Services.sln")))
            {
                return folder;
            }
        }

        throw new InvalidOperationException($"Services.sln is not above {AppContext.BaseDirectory}. Run the benchmarks from a checkout.");
    }
}
