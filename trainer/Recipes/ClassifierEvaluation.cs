using Rudder.Checkpoints;
using Rudder.Engine.Scoring;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes.Settings;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Evaluates a classifier on whole reviews (mean probabilities over consecutive windows) and on openings.</summary>
internal static class ClassifierEvaluation
{
    private const int TokensPerBatch = 8192;
    private const int RowsPerBatch = 256;

    /// <summary>Refuses crop and window lengths that exceed the model's context.</summary>
    public static void RequireLengths(ClassifierDataSettings data, ModelConfig config)
    {
        int limit = config.Context - 2;
        foreach ((string key, int value) in new[] { ("max_length", data.MaxLength), ("window", data.Window), ("opening", data.Opening) })
        {
            if (value > limit)
            {
                throw new BadInputException($"data.{key} is {value}; the model reads at most {limit} tokens beside its start and end token.");
            }
        }

        if (data.MinLength > data.MaxLength)
        {
            throw new BadInputException($"data.min_length is {data.MinLength}, above data.max_length = {data.MaxLength}.");
        }
    }

    /// <summary>Accuracy and loss on whole reviews, accuracy on openings; empty without texts.</summary>
    /// <param name="model">The classifier; left in training mode.</param>
    /// <param name="texts">The texts to classify.</param>
    /// <param name="data">Window and opening lengths.</param>
    /// <param name="prefix">Prefix of each metric's name.</param>
    public static IReadOnlyList<KeyValuePair<string, double>> Measure(
        ISequenceClassifier model, IReadOnlyList<LabelledText> texts, ClassifierDataSettings data, string prefix)
    {
        if (texts.Count == 0)
        {
            return [];
        }

        int window = data.Window > 0 ? data.Window : data.MaxLength;
        float[][] whole = Probabilities(model, texts, t => Crops.Windows(t.Ids.Length, window));
        float[][] opening = Probabilities(model, texts, t => new[] { 0..Math.Min(t.Ids.Length, data.Opening) });
        return
        [
            new($"{prefix}accuracy", Accuracy(whole)),
            new($"{prefix}loss", texts.Select((t, i) => -Math.Log(Math.Max(whole[i][t.Label], 1e-12))).Average()),
            new($"{prefix}opening_accuracy", Accuracy(opening)),
        ];

        double Accuracy(float[][] probabilities) =>
            texts.Select((t, i) => Array.IndexOf(probabilities[i], probabilities[i].Max()) == t.Label ? 1.0 : 0).Average();
    }

    /// <summary>Mean label probabilities of each text over its windows.</summary>
    private static float[][] Probabilities(
        ISequenceClassifier model, IReadOnlyList<LabelledText> texts, Func<LabelledText, IEnumerable<Range>> stretches)
    {
        List<(int Text, int[] Row)> rows =
            [.. from i in Enumerable.Range(0, texts.Count)
                from range in stretches(texts[i])
                select (i, Classifier.Wrapped(model.Config, texts[i].Ids.AsSpan(range)))];
        float[][] sums = [.. texts.Select(_ => new float[model.Config.Labels.Count])];
        var counts = new int[texts.Count];
        model.eval();
        using var quiet = no_grad();
        int[] lengths = [.. rows.Select(r => r.Row.Length)];
        foreach (int[] batch in MicroBatcher.Split(lengths, [.. lengths.Select(_ => 1)], TokensPerBatch, RowsPerBatch))
        {
            using var scope = NewDisposeScope();
            float[] values = Classifier.Forward(model, [.. batch.Select(i => rows[i].Row)], [.. batch.Select(_ => 0)])
                .Logits.softmax(-1).cpu().data<float>().ToArray(); // [B,L]
            for (int i = 0; i < batch.Length; i++)
            {
                int text = rows[batch[i]].Text;
                counts[text]++;
                for (int label = 0; label < model.Config.Labels.Count; label++)
                {
                    sums[text][label] += values[(i * model.Config.Labels.Count) + label];
                }
            }
        }

        model.train();
        return [.. sums.Select((s, i) => s.Select(v => v / counts[i]).ToArray())];
    }
}
