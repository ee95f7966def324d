using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Engine.Sampling;
using Rudder.Tests;
using Rudder.Trainer.Export;

namespace Rudder.EndToEnd.Tests;

/// <summary>
/// What the trainer exports in float16, the service decodes: a cache of halves that ONNX Runtime allocates, logits of halves widened,
/// inputs bound anew. The processor stands for the GPU; it refuses such models when serving, since it is slow at them.
/// </summary>
public sealed class Float16DecoderTests : IDisposable
{
    private const int Prompt = 5;
    private readonly string _model = Directory.CreateTempSubdirectory("rudder-fp16-").FullName;

    public Float16DecoderTests()
    {
        foreach (string file in (string[])["config.json", "model.safetensors"])
        {
            File.Copy(Path.Combine(SharedFolder.Root, "tests", "Fixtures", "tiny-gpt2", file), Path.Combine(_model, file));
        }

        ModelExport.Run(_model, new ExportSettings { Fp16 = true }, threads: 1);
    }

    public void Dispose() => Directory.Delete(_model, recursive: true);

    [Fact]
    public void Step_SameTokensInFloat16AndFloat32_DrawsFromTheSameDistribution()
    {
        var random = new Random(16);
        int[][] rows = [.. Enumerable.Range(0, 4).Select(_ => Enumerable.Range(0, 24).Select(_ => random.Next(512)).ToArray())];
        using var single = Load(GraphPrecision.Fp32);
        using var half = Load(GraphPrecision.Fp16);
        double worst = 0, mean = 0;
        foreach (var decoder in (OnnxDecoder[])[single, half])
        {
            decoder.Prefill([.. rows.Select(row => row[..Prompt])], 0);
        }

        for (int length = Prompt; length < rows[0].Length; length++)
        {
            for (int row = 0; row < rows.Length; row++)
            {
                float[] expected = single.Logits(row).ToArray(), actual = half.Logits(row).ToArray();
                double difference = Math.Abs(LogitMath.LogProb(expected, rows[row][length]) - LogitMath.LogProb(actual, rows[row][length]));
                (worst, mean) = (Math.Max(worst, difference), mean + (difference / (rows.Length * (rows[0].Length - Prompt))));
            }

            int[] ids = [.. rows.Select(row => row[length])];
            int[] lengths = [.. rows.Select(_ => length)];
            single.Step(ids, lengths);
            half.Step(ids, lengths);
        }

        // float16 has 11 bits: three times what these texts show. A step that read stale inputs or another row's cache would be off by nats.
        Assert.InRange(worst, double.Epsilon, 0.01);
        Assert.InRange(mean, double.Epsilon, 0.003);
    }

    private OnnxDecoder Load(GraphPrecision precision) =>
        OnnxDecoder.Load(GraphFolder.Open(_model), new EngineOptions { Threads = 1, MaxSlots = 4, Precision = precision }, null);
}
