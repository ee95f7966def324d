using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Trainer.Export;

namespace Rudder.Benchmarks;

/// <summary>Models as the benchmarks need them, made once below artifacts/bench: embedded ones with fp32 and int8 graphs, and GPT-2's shape with random weights.</summary>
internal static class BenchmarkModel
{
    private const int Seed = 124;
    private const float WeightDeviation = 0.02f;             // as GPT-2 itself starts
    private const float TableDeviation = 0.1f;               // logits spread by a few nats, so that truncated sampling has something to cut

    /// <summary>The folder of a copy of an embedded model, with its graphs.</summary>
    /// <param name="name">Folder below models/.</param>
    public static string Exported(string name)
    {
        string source = Path.Combine(Root(), "models", name);
        string copy = Folder(name);
        if (IsExported(copy, Fingerprint.OfFolder(source)))
        {
            return copy;
        }

        Directory.CreateDirectory(copy);
        foreach (string file in Directory.EnumerateFiles(source))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)), overwrite: true);
        }

        ModelExport.Run(copy, new ExportSettings { Fp32 = true, Int8 = true }, threads: 2);
        return copy;
    }

    /// <summary>GPT-2's 124M shape with random weights (Gaussian, seeded; no tokenizer), with its graphs: 12 layers, 12 heads, width 768, vocabulary 50,257.</summary>
    public static string Gpt2Small()
    {
        string folder = Folder("gpt2-124m-random");
        string weights = Path.Combine(folder, "model.safetensors");
        if (!File.Exists(weights))
        {
            Directory.CreateDirectory(folder);
            AtomicFile.WriteText(Path.Combine(folder, "config.json"), JsonSerializer.Serialize(new
            {
                model_type = "gpt2", vocab_size = 50257, n_positions = 1024, n_ctx = 1024, n_embd = 768, n_layer = 12, n_head = 12,
                layer_norm_epsilon = 1e-5, activation_function = "gelu_new", bos_token_id = 50256, eos_token_id = 50256,
            }) + "\n");
            WriteRandomWeights(weights, ModelConfig.Load<Gpt2Config>(folder));
        }

        if (!IsExported(folder, Fingerprint.OfFolder(folder)))
        {
            ModelExport.Run(folder, new ExportSettings { Fp32 = true, Int8 = true }, threads: 2);
        }

        return folder;
    }

    private static void WriteRandomWeights(string path, Gpt2Config config)
    {
        var random = new Random(Seed);
        List<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> tensors = [];
        foreach ((string name, long[] shape) in Gpt2Names.Expected(config))
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

    // Box and Muller: two Gaussian numbers from two uniform ones.
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

    private static bool IsExported(string folder, string fingerprint) =>
        Directory.Exists(folder) && ExportReport.Read(Path.Combine(folder, ModelExport.FolderName))?.Fingerprint == fingerprint;

    private static string Root()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder.TrimEnd('/')))
        {
            if (File.Exists(Path.Combine(folder, "Services.sln")))
            {
                return folder;
            }
        }

        throw new InvalidOperationException($"No Services.sln above {AppContext.BaseDirectory}; run the benchmarks from a checkout.");
    }
}
