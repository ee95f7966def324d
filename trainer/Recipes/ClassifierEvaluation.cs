using Rudder.Checkpoints;
using Rudder.Trainer.Data;
using Rudder.Trainer.Logits;
using Rudder.Trainer.Models;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Scoring;

namespace Rudder.Trainer.Recipes;

/// <summary>Evaluates a classifier on whole reviews (mean probabilities over consecutive windows) and on openings.</summary>
internal static class ClassifierEvaluation
{
    /// <summary>Refuses crop and window lengths that exceed the model's context.</summary>
    public static void RequireLengths(ClassifierDataSettings data, ModelConfig config)
    {
        int limit = config.Context - (config.WrapsTexts ? 2 : 0);
        foreach ((string key, int value) in new[] { ("max_length", data.MaxLength), ("window", data.Window), ("opening", data.Opening) })
        {
            if (value > limit)
            {
                throw new BadInputException($"data.{key} is {value}; the model reads at most {limit} tokens of a text.");
            }
        }

        if (data.MinLength > data.MaxLength)
        {
            throw new BadInputException($"data.min_length is {data.MinLength}, above data.max_length = {data.MaxLength}.");
        }
    }

    /// <summary>Accuracy and loss on whole reviews, accuracy on openings; empty without texts.</summary>
    /// <param name="ranks">The processes that share the texts.</param>
    /// <param name="model">The classifier; left in training mode.</param>
    /// <param name="texts">The texts to classify.</param>
    /// <param name="data">Window and opening lengths.</param>
    /// <param name="prefix">Prefix of each metric's name.</param>
    public static IReadOnlyList<KeyValuePair<string, double>> Measure(
        Ranks ranks, ISequenceClassifier model, IReadOnlyList<LabelledText> texts, ClassifierDataSettings data, string prefix)
    {
        if (texts.Count == 0)
        {
            return [];
        }

        model.eval();
        int window = data.Window > 0 ? data.Window : data.MaxLength;
        LabelledText[] own = ranks.Part(texts);
        double[][] whole = Probabilities(model, own, t => Crops.Windows(t.Ids.Length, window));
        double[][] opening = Probabilities(model, own, t => new[] { 0..Math.Min(t.Ids.Length, data.Opening) });
        model.train();
        return
        [
            new($"{prefix}accuracy", Accuracy(whole)),
            new($"{prefix}loss", ranks.Gather([.. own.Select((t, i) => -Math.Log(Math.Max(whole[i][t.Label], 1e-12)))]).Average()),
            new($"{prefix}opening_accuracy", Accuracy(opening)),
        ];

        double Accuracy(double[][] probabilities) =>
            ranks.Gather([.. own.Select((t, i) => Array.IndexOf(probabilities[i], probabilities[i].Max()) == t.Label ? 1.0 : 0)]).Average();
    }

    /// <summary>Mean label probabilities of each text over its windows.</summary>
    private static double[][] Probabilities(
        ISequenceClassifier model, IReadOnlyList<LabelledText> texts, Func<LabelledText, IEnumerable<Range>> stretches)
    {
        ScoreRow[] rows = [.. texts.Select(text =>
            new ScoreRow([.. stretches(text).Select(range => Classifier.Wrapped(model.Config, text.Ids.AsSpan(range)))], 0))];
        return [.. LabelScorer.Score(windows => TorchClassifier.Logits(model, windows), rows).Select(score => score.Probabilities)];
    }
}
