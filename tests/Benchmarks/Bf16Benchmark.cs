using Rudder.Checkpoints;
using Rudder.Trainer.Architectures.Gpt2;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Benchmarks;

/// <summary>
/// The trainer's SFT step with bf16 products against the same step in fp32: its time on shape M, and its losses on shape S. The time needs
/// a processor with instructions for bf16 products; the losses are compared on every one.
/// </summary>
internal static class Bf16Benchmark
{
    private const double Dropout = 0.1, LossLimit = 0.01;
    private const int Rounds = 7, StepsPerRound = 2, LossSteps = 200, Symbols = 256, Successors = 4;
    private const string Fp32 = "trainer, fp32", Bf16 = "trainer, bf16", Products = "matrix products alone, bf16";
    private static readonly Shape Medium = new(Layers: 12, Width: 768, Heads: 12, Vocabulary: 50_257);
    private static readonly Shape Small = new(Layers: 4, Width: 256, Heads: 4, Vocabulary: 8192);

    /// <summary>Runs the benchmark.</summary>
    public static BenchmarkResult Run()
    {
        int threads = Math.Min(Environment.ProcessorCount, 2);
        set_num_threads(threads);
        bool supported = ComputeDevice.HasBf16Products;
        Dictionary<string, List<Cost>> costs = supported ? Measure(Medium) : [];
        return new BenchmarkResult(
            "bf16",
            new Dictionary<string, double>
            {
                ["sft_m_bf16_vs_fp32"] = supported ? Against(costs, Fp32) : double.NaN,
                ["sft_m_bf16_share_of_products"] = supported ? Against(costs, Products) : double.NaN,
            },
            [.. costs.Select(c => Row(Medium, c.Key, c.Value)), CompareLosses()],
            new Dictionary<string, object> { ["dropout"] = Dropout, ["threads"] = threads, ["M"] = Medium.ToString() })
        {
            Bf16 = supported ? "supported" : "unsupported",
        };
    }

    private static Dictionary<string, List<Cost>> Measure(Shape shape)
    {
        manual_seed(0);
        using Learner fp32 = new(shape, Dropout, bf16: false), bf16 = new(shape, Dropout, bf16: true);
        using var products = new StepProducts(shape.Layers, shape.Width, shape.Vocabulary, Shape.Tokens, bfloat16);
        (string Name, Action Step)[] runners =
        [
            (Fp32, () => fp32.Step(shape.RandomIds())), (Bf16, () => bf16.Step(shape.RandomIds())), (Products, products.Step),
        ];
        Dictionary<string, List<Cost>> costs = runners.ToDictionary(r => r.Name, _ => new List<Cost>());
        Array.ForEach(runners, r => Cost.Of(2, r.Step));
        for (int round = 0; round < Rounds; round++)
        {
            Array.ForEach(runners, r => costs[r.Name].Add(Cost.Of(StepsPerRound, r.Step)));
        }

        return costs;
    }

    /// <summary>Returns the median over the rounds of another runner's time divided by that of the trainer in bf16.</summary>
    private static double Against(Dictionary<string, List<Cost>> costs, string other) =>
        Median.Of(costs[Bf16].Zip(costs[other], (ours, theirs) => theirs.Wall / ours.Wall));

    private static BenchmarkRow Row(Shape shape, string name, List<Cost> costs) =>
        new($"M: {name}", new Dictionary<string, double>
        {
            ["tokens/s (median)"] = Median.Of(costs.Select(c => StepsPerRound * Shape.Tokens / c.Wall)),
            ["tokens per processor second (median)"] = Median.Of(costs.Select(c => StepsPerRound * Shape.Tokens / c.Cpu)),
            ["GFLOP/s of the step's products (median)"] = Median.Of(costs.Select(c => StepsPerRound * shape.Operations / 1e9 / c.Wall)),
        });

    /// <summary>Trains the same model on the same sequences in both precisions.</summary>
    /// <exception cref="InvalidOperationException">The losses differ by more than the limit, so the times do not compare equal work.</exception>
    private static BenchmarkRow CompareLosses()
    {
        double[] fp32 = Learn(bf16: false), bf16 = Learn(bf16: true);
        double largest = fp32.Zip(bf16, (exact, rounded) => Math.Abs(rounded / exact - 1)).Max();
        if (!(largest <= LossLimit))
        {
            throw new InvalidOperationException(FormattableString.Invariant($"the losses of bf16 and fp32 differ by {100 * largest:0.00} %; the limit is 1 %."));
        }

        return new BenchmarkRow(
            FormattableString.Invariant($"S, {LossSteps} steps of {Shape.Batch}x{Shape.Time} tokens, loss in bf16"),
            new Dictionary<string, double>
            {
                ["first loss, nats"] = bf16[0], ["last loss, nats"] = bf16[^1], ["largest distance from fp32, %"] = 100 * largest,
            });
    }

    /// <summary>Loss of each step, without dropout, on sequences in which each of 256 symbols is followed by one of four.</summary>
    private static double[] Learn(bool bf16)
    {
        manual_seed(0);
        var random = new Random(0);
        int[] next = [.. Enumerable.Range(0, Symbols * Successors).Select(_ => random.Next(Symbols))];
        using var learner = new Learner(Small, 0, bf16);
        return [.. Enumerable.Range(0, LossSteps).Select(_ =>
        {
            long[,] ids = new long[Shape.Batch, Shape.Time + 1];
            for (int row = 0; row < Shape.Batch; row++)
            {
                ids[row, 0] = random.Next(Symbols);
                for (int place = 1; place <= Shape.Time; place++)
                {
                    ids[row, place] = next[(ids[row, place - 1] * Successors) + random.Next(Successors)];
                }
            }

            return learner.Step(tensor(ids));
        })];
    }

    /// <summary>Sizes of a model. Every step has 4x64 tokens.</summary>
    private sealed record Shape(int Layers, int Width, int Heads, int Vocabulary)
    {
        public const int Batch = 4, Time = 64, Tokens = Batch * Time;

        /// <summary>Floating-point operations of a step's products with weights: two for each weight and token, forward and for both gradients.</summary>
        public double Operations => 6.0 * Tokens * ((12.0 * Layers * Width * Width) + ((double)Vocabulary * Width));

        /// <summary>[B,T+1]</summary>
        public Tensor RandomIds() => randint(Vocabulary, new long[] { Batch, Time + 1 });

        /// <inheritdoc/>
        public override string ToString() =>
            $"{Layers} layers, width {Width}, {Heads} heads, vocabulary {Vocabulary}, {Batch}x{Time} tokens, {Rounds} rounds of {StepsPerRound} steps";
    }

    /// <summary>A model and its optimizer, with the step of Recipes/Sft.cs.</summary>
    private sealed class Learner : IDisposable
    {
        private readonly Gpt2Model _model;
        private readonly IReadOnlyList<NamedParameter> _trainable;
        private readonly AdamW _optimizer;

        public Learner(Shape shape, double dropout, bool bf16)
        {
            var config = new Gpt2Config
            {
                Layers = shape.Layers, HiddenSize = shape.Width, Heads = shape.Heads, VocabularySize = shape.Vocabulary, Context = Shape.Time,
            };
            _model = new Gpt2Model(config, dropout, CPU);
            _trainable = NamedParameters.Trainable(_model.Parameters);
            _optimizer = new AdamW(_trainable, 0.9, 0.999, 1e-8, _ => 0.01);
            _model.Products.Bf16 = bf16;
            _model.train();
        }

        /// <summary>Takes a step on sequences, [B,T+1], which it disposes, and returns the mean loss before it, nats per token.</summary>
        public double Step(Tensor ids)
        {
            _model.zero_grad();
            double loss;
            using (ids)
            using (NewDisposeScope())
            {
                Tensor inputs = ids.narrow(1, 0, Shape.Time), targets = ids.narrow(1, 1, Shape.Time).reshape(-1); // [B,T], [B·T]
                Tensor mean = Sft.SumOfLosses(_model, new LanguageBatch(inputs, null, targets, Shape.Tokens)) / Shape.Tokens; // []
                mean.backward();
                loss = mean.item<float>();
            }

            _optimizer.Step(1e-4, GradientNorm.ClipScale(GradientNorm.Of(_trainable), 1));
            return loss;
        }

        public void Dispose()
        {
            _optimizer.Dispose();
            _model.Dispose();
        }
    }
}
