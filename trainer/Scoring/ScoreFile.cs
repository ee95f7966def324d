using System.Text.Json;
using Rudder.Checkpoints;
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
        ModelConfig config = ModelConfig.Load(modelFolder);
        TextTokenizer? tokenizer = TextTokenizer.Load(modelFolder, config.VocabularySize);
        List<ScoreRow> rows = Read(new ScoreRows(config, tokenizer, input), input);
        DirectoryInfo temporary = Directory.CreateTempSubdirectory("rudder-score-");
        try
        {
            Action<Utf8JsonWriter, int> write = config.Labels.Count == 0
                ? Completions(modelFolder, config, rows, onnx, temporary.FullName, threads)
                : Labels(modelFolder, config, rows, onnx, temporary.FullName, threads);
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
        using ISequenceLogits model = onnx
            ? new LogProbGraph(Path.Combine(ScoringGraphs.Folder(folder, GraphFiles.LogProbs, temporary, threads), GraphFiles.LogProbs), threads)
            : new TorchDecoder(folder);
        IReadOnlyList<double[]> scores = new CompletionScorer(model, config.VocabularySize).TokenLogProbs(rows);
        return (json, row) =>
        {
            json.WriteNumber("sum", scores[row].Sum());
            Numbers(json, "token_log_probs", scores[row]);
        };
    }

    private static Action<Utf8JsonWriter, int> Labels(string folder, ModelConfig config, List<ScoreRow> rows, bool onnx, string temporary, int threads)
    {
        using ILabelLogits model = onnx
            ? new ClassifierGraph(Path.Combine(ScoringGraphs.Folder(folder, GraphFiles.Model(GraphPrecision.Fp32), temporary, threads), GraphFiles.Model(GraphPrecision.Fp32)), threads, config.PadId ?? 0)
            : new TorchClassifier(folder);
        IReadOnlyList<(double[] Logits, double[] Probabilities)> scores = new LabelScorer(model).Score(rows);
        return (json, row) =>
        {
            Numbers(json, "logits", scores[row].Logits);
            Numbers(json, "probabilities", scores[row].Probabilities);
        };
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
