using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Graphs;
using Rudder.Engine.Scoring;
using Rudder.Trainer.Logits;

namespace Rudder.Trainer.Scoring;

/// <summary>Scores a file of rows into a file of results, one line each, in the same order.</summary>
internal static class ScoreFile
{
    /// <summary>In place of a path: standard input or output.</summary>
    public const string Standard = "-";

    /// <summary>Scores.</summary>
    /// <param name="modelFolder">The model.</param>
    /// <param name="onnx">True: ONNX Runtime; false: TorchSharp.</param>
    /// <param name="input">JSON lines; see <see cref="ScoreRows"/>.</param>
    /// <param name="output">Written at the end, under a temporary name first.</param>
    /// <param name="threads">Threads; 0: the engine's choice.</param>
    /// <returns>Number of rows.</returns>
    public static int Run(string modelFolder, bool onnx, string input, string output, int threads)
    {
        var config = ModelConfig.Load(modelFolder);
        var tokenizer = TextTokenizer.Load(modelFolder, config.VocabularySize);
        List<ScoreRow> rows = Read(new ScoreRows(config, tokenizer, input), input);
        DirectoryInfo temporary = Directory.CreateTempSubdirectory("rudder-score-");
        try
        {
            Action<Utf8JsonWriter, int> write = !config.IsClassifier
                ? Completions(modelFolder, config, rows, onnx, temporary.FullName, threads)
                : Labels(modelFolder, rows, onnx, temporary.FullName, threads);
            Write(output, rows.Count, write);
        }
        finally
        {
            temporary.Delete(recursive: true);
        }

        return rows.Count;
    }

    private static List<ScoreRow> Read(ScoreRows rows, string input)
    {
        if (input == Standard)
        {
            return rows.Read(Console.In);
        }

        using var reader = new StreamReader(input);
        return rows.Read(reader);
    }

    private static Action<Utf8JsonWriter, int> Completions(string folder, ModelConfig config, List<ScoreRow> rows, bool onnx, string temporary, int threads)
    {
        IReadOnlyList<double[]> scores = onnx ? OnnxLogProbs(folder, rows, temporary, threads) : TorchLogProbs(folder, config, rows);
        return (json, row) =>
        {
            json.WriteNumber("sum", scores[row].Sum());
            Numbers(json, "token_log_probs", scores[row]);
        };
    }

    private static Action<Utf8JsonWriter, int> Labels(string folder, List<ScoreRow> rows, bool onnx, string temporary, int threads)
    {
        IReadOnlyList<(double[] Logits, double[] Probabilities)> scores = onnx ? OnnxLabels(folder, rows, temporary, threads) : TorchLabels(folder, rows);
        return (json, row) =>
        {
            if (scores[row].Logits is [double score])
            {
                json.WriteNumber("score", score);
                return;
            }

            Numbers(json, "logits", scores[row].Logits);
            Numbers(json, "probabilities", scores[row].Probabilities);
        };
    }

    private static IReadOnlyList<double[]> TorchLogProbs(string folder, ModelConfig config, List<ScoreRow> rows)
    {
        using var model = new TorchDecoder(folder);
        return new CompletionScorer(model, config.VocabularySize).TokenLogProbs(rows);
    }

    private static double[][] OnnxLogProbs(string folder, List<ScoreRow> rows, string temporary, int threads)
    {
        using var engine = LogProbEngine.Load(ScoringGraphs.Open(folder, GraphFiles.LogProbs, temporary, threads), new EngineOptions { Threads = threads });
        ScoredSequence[] sequences = [.. rows.Select(row => new ScoredSequence(row.Windows[0][..row.PromptLength], row.Windows[0][row.PromptLength..]))];
        return [.. engine.Score(sequences, CancellationToken.None).Select(score => Array.ConvertAll(score.TokenLogProbs, value => (double)value))];
    }

    private static IReadOnlyList<(double[] Logits, double[] Probabilities)> TorchLabels(string folder, List<ScoreRow> rows)
    {
        using var model = new TorchClassifier(folder);
        return LabelScorer.Score(model.Logits, rows);
    }

    private static IReadOnlyList<(double[] Logits, double[] Probabilities)> OnnxLabels(string folder, List<ScoreRow> rows, string temporary, int threads)
    {
        GraphFolder graphs = ScoringGraphs.Open(folder, GraphFiles.Model(GraphPrecision.Fp32), temporary, threads);
        using var engine = ClassifierEngine.Load(graphs, new EngineOptions { Threads = threads });
        return LabelScorer.Score(engine.Logits, rows);
    }

    private static void Write(string output, int rows, Action<Utf8JsonWriter, int> write)
    {
        void All(Stream stream)
        {
            for (int row = 0; row < rows; row++)
            {
                using (var json = new Utf8JsonWriter(stream))
                {
                    json.WriteStartObject();
                    write(json, row);
                    json.WriteEndObject();
                }

                stream.WriteByte((byte)'\n');
            }
        }

        if (output == Standard)
        {
            using Stream stream = Console.OpenStandardOutput();
            All(stream);
        }
        else
        {
            AtomicFile.Write(output, All);
        }
    }

    private static void Numbers(Utf8JsonWriter json, string name, double[] values)
    {
        json.WriteStartArray(name);
        foreach (double value in values)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }
}
