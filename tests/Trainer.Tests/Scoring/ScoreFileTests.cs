using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Trainer.Export;
using Rudder.Trainer.Scoring;
using Rudder.Trainer.Tests.Export;

namespace Rudder.Trainer.Tests.Scoring;

/// <summary><c>trainer score</c> on both engines, against the field's numbers and each other.</summary>
public sealed class ScoreFileTests : IDisposable
{
    private readonly TinyModels _models = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_Completions_MatchGoldenTokenLogProbs(bool onnx)
    {
        JsonElement expected = TinyModels.Expected("tiny-gpt2");
        int[][] ids = TinyModels.Ids(expected.GetProperty("input_ids"));
        double[][] golden = TinyModels.Numbers(expected.GetProperty("token_log_probs"));
        var rows = ids.SelectMany(row => new object[]
        {
            new { prompt_ids = row[..1], completion_ids = row[1..] },
            new { prompt_ids = row[..6], completion_ids = row[6..9] },      // of other lengths: order must survive batching
        });
        List<JsonElement> scores = Score(_models.Copy("tiny-gpt2"), onnx, rows);
        for (int row = 0; row < ids.Length; row++)
        {
            Near(golden[row], scores[2 * row].GetProperty("token_log_probs"), 1e-5);
            Near(golden[row][5..8], scores[(2 * row) + 1].GetProperty("token_log_probs"), 1e-5);
            Assert.Equal(golden[row].Sum(), scores[2 * row].GetProperty("sum").GetDouble(), 1e-4);      // the tolerance; 16 terms of 1.5e-6
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_Labels_MatchGoldenLogitsAndProbabilities(bool onnx)
    {
        JsonElement expected = TinyModels.Expected("tiny-roberta");
        double[][] logits = TinyModels.Numbers(expected.GetProperty("logits")), probabilities = TinyModels.Numbers(expected.GetProperty("probabilities"));
        var rows = TinyModels.Ids(expected.GetProperty("input_ids_unpadded")).Select(row => new { input_ids = row });
        List<JsonElement> scores = Score(_models.Copy("tiny-roberta"), onnx, rows);
        for (int row = 0; row < logits.Length; row++)
        {
            Near(logits[row], scores[row].GetProperty("logits"), 1e-5);
            Near(probabilities[row], scores[row].GetProperty("probabilities"), 1e-5);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_RowWithPadding_ScoresAsWithoutIt(bool onnx)
    {
        object[] rows = [new { input_ids = new[] { 0, 9, 8, 7, 2 } }, new { input_ids = new[] { 0, 9, 1, 8, 7, 2, 1, 1 } }];
        List<JsonElement> scores = Score(_models.Copy("tiny-roberta"), onnx, rows);
        Near(scores[0].GetProperty("logits").Deserialize<double[]>()!, scores[1].GetProperty("logits"), 1e-5);
    }

    [Fact]
    public void Run_GraphDamaged_IsRefused()
    {
        string model = _models.Copy("tiny-gpt2");
        ModelExport.Run(model, new ExportSettings(), threads: 1);
        File.AppendAllText(Path.Combine(model, "onnx", "model.onnx_data"), "x");
        var e = Assert.Throws<RequestFault>(() => Score(model, onnx: true, [new { prompt_ids = new[] { 1 }, completion_ids = new[] { 2 } }]));
        Assert.Equal(FaultKind.ModelUnusable, e.Kind);
        Assert.Equal(ExitCodes.BadInput, Failures.CodeOf(e));
    }

    [Fact]
    public void Run_TorchAndOnnx_AgreeOnEveryRow()
    {
        string model = _models.Copy("tiny-gpt2");
        var random = new Random(5);
        var rows = Enumerable.Range(0, 50).Select(_ => new
        {
            prompt_ids = Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(512)).ToArray(),
            completion_ids = Enumerable.Range(0, random.Next(0, 30)).Select(_ => random.Next(512)).ToArray(),
        }).ToList();
        List<JsonElement> torch = Score(model, onnx: false, rows), onnx = Score(model, onnx: true, rows);
        for (int row = 0; row < rows.Count; row++)
        {
            Near(torch[row].GetProperty("token_log_probs").Deserialize<double[]>()!, onnx[row].GetProperty("token_log_probs"), 1e-5);
        }

        Assert.False(Directory.Exists(Path.Combine(model, "onnx")));        // the export was temporary
    }

    [Fact]
    public void Run_GraphsOfOtherWeights_AreNotUsed()
    {
        string model = _models.Copy("tiny-gpt2");
        ModelExport.Run(model, new ExportSettings(), threads: 1);
        string config = Path.Combine(model, "config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("1e-05", "0.5", StringComparison.Ordinal));     // another model from here on
        object[] rows = [new { prompt_ids = new[] { 1, 2 }, completion_ids = new[] { 3 } }];
        Assert.Equal(
            Score(model, onnx: false, rows)[0].GetProperty("sum").GetDouble(), Score(model, onnx: true, rows)[0].GetProperty("sum").GetDouble(), 1e-5);
    }

    [Theory]
    [InlineData("tiny-gpt2", """{"prompt_ids":[1]}""", "rows.jsonl:2: \"completion_ids\" is missing")]
    [InlineData("tiny-gpt2", """{"prompt_ids":[],"completion_ids":[1]}""", "rows.jsonl:2: prompt_ids is empty")]
    [InlineData("tiny-gpt2", """{"prompt_ids":[1,512],"completion_ids":[1]}""", "rows.jsonl:2: prompt_ids[1] is 512; ids go from 0 to 511")]
    [InlineData("tiny-gpt2", """{"prompt_ids":[1],"completion_ids":"x"}""", "rows.jsonl:2: completion_ids is String")]
    [InlineData("tiny-gpt2", """[1]""", "rows.jsonl:2: a JSON object is needed")]
    [InlineData("tiny-gpt2", """{"prompt_ids":""", "rows.jsonl:2: no JSON")]
    [InlineData("tiny-roberta", """{"text":"Fine."}""", "rows.jsonl:2: text is given, but the model has no tokenizer")]
    [InlineData("tiny-roberta", """{"input_ids":[0],"text":"x"}""", "rows.jsonl:2: both input_ids and text are given")]
    [InlineData("tiny-roberta", """{"text":"\ud800"}""", "rows.jsonl:2: a key or text holds half a surrogate pair")]
    [InlineData("tiny-roberta", """{"input_ids":[]}""", "rows.jsonl:2: input_ids is empty")]
    public void Run_BadRow_IsNamedByFileAndLineAndNothingIsWritten(string model, string row, string message)
    {
        string good = model == "tiny-gpt2" ? """{"prompt_ids":[1],"completion_ids":[2]}""" : """{"input_ids":[0,5,2]}""";
        File.WriteAllLines(_models.At("rows.jsonl"), [good, row]);
        var e = Assert.Throws<BadInputException>(() => ScoreFile.Run(_models.Copy(model), false, _models.At("rows.jsonl"), _models.At("out.jsonl"), 1));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_models.At("out.jsonl")));
    }

    [Fact]
    public void Run_TextOfSeveralWindows_GivesTheMeanOfTheWindowsScoredAlone()
    {
        string model = WithTokenizer([], 270);
        var random = new Random(11);
        string text = string.Concat(Enumerable.Range(0, 155).Select(_ => (char)random.Next('a', 'z' + 1)));
        int[] ids = TextTokenizer.Load(model)!.Encode(text);
        int[][] windows = [.. ids.Chunk(62).Select(part => (int[])[0, .. part, 2])];       // context 64, <s> = 0 and </s> = 2
        Assert.Equal(3, windows.Length);
        List<JsonElement> scores = Score(model, onnx: false, [.. windows.Select(window => new { input_ids = window }), new { text }]);
        double[] mean = new double[2];
        foreach (JsonElement window in scores[..3])
        {
            double[] alone = window.GetProperty("probabilities").Deserialize<double[]>()!;
            mean = [mean[0] + (alone[0] / 3), mean[1] + (alone[1] / 3)];
        }

        Near(mean, scores[3].GetProperty("probabilities"), 1e-5);
    }

    [Fact]
    public void Run_TokenizerLargerThanTheVocabulary_RefusesTheTextsThatUseWhatTheModelLacks()
    {
        string model = WithTokenizer([.. Enumerable.Range(0, 260).Select(i => $"<x{i}>")], 530);
        Assert.Single(Score(model, onnx: true, [new { text = "x" }]));          // exported and scored
        var e = Assert.Throws<BadInputException>(() => Score(model, onnx: false, [new { text = "x" }, new { text = "<x259>" }]));
        Assert.Contains("rows.jsonl:2", e.Message, StringComparison.Ordinal);
        Assert.Contains("ids are 0 to 511", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_RowLongerThanContext_NamesTheLimit()
    {
        object[] rows = [new { prompt_ids = new int[60], completion_ids = new int[5] }];
        var e = Assert.Throws<BadInputException>(() => Score(_models.Copy("tiny-gpt2"), onnx: false, rows));
        Assert.Contains("have 65 tokens; the model's context is 64", e.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _models.Dispose();

    private string WithTokenizer(string[] specials, int size)
    {
        string model = _models.Copy("tiny-roberta");
        string[] texts = ["the film was dull and its story poor", "the film was dull and its story poor"];
        BpeTraining.Train(texts, size, specials, model, TokenizerFamily.Roberta);
        return model;
    }

    private List<JsonElement> Score(string model, bool onnx, IEnumerable<object> rows)
    {
        File.WriteAllLines(_models.At("rows.jsonl"), rows.Select(row => JsonSerializer.Serialize(row)));
        ScoreFile.Run(model, onnx, _models.At("rows.jsonl"), _models.At("out.jsonl"), 1);
        return [.. File.ReadLines(_models.At("out.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];
    }

    private static void Near(double[] expected, JsonElement actual, double tolerance)
    {
        double[] values = actual.Deserialize<double[]>()!;
        Assert.Equal(expected.Length, values.Length);
        for (int i = 0; i < values.Length; i++)
        {
            Assert.Equal(expected[i], values[i], tolerance);
        }
    }
}
