using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Engine.Scoring;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Graphs;
using Rudder.Trainer.Logits;
using Rudder.Trainer.Models;

namespace Rudder.Trainer.Export;

/// <summary>
/// Exports a model folder to ONNX graphs. Writes them under a temporary name, compares them with the
/// TorchSharp model, and renames them into place only if they agree.
/// </summary>
internal static class ModelExport
{
    private const int Texts = 16;                       // for graphs with a bound on the mean KL
    private const int TextTokens = 64;
    private const int ClassifierTexts = 32;
    private const int ClassifierTokens = 128;

    /// <summary>Exports a model.</summary>
    /// <param name="modelFolder">A model folder in Hugging Face layout.</param>
    /// <param name="settings">What to write and how close int8 and float16 must be.</param>
    /// <param name="threads">Threads of the check; 0: the engines' choice.</param>
    /// <param name="output">Folder of the graphs; null: <c>onnx</c> inside the model folder.</param>
    /// <param name="referenceFolder">Model to compare with; null: the same model. Only tests set it.</param>
    /// <exception cref="WorkFailedException">The graphs differ from the model. No files remain.</exception>
    public static ExportReport Run(string modelFolder, ExportSettings settings, int threads, string? output = null, string? referenceFolder = null)
    {
        if (!settings.Writes)
        {
            throw new BadInputException("fp32, int8 and fp16 are all false: there is nothing to export. Set one to true.");
        }

        var config = ModelConfig.Load(modelFolder);
        IModelFamily family = ModelFamilies.Of(config.ModelType);
        if (settings.Fp16 && !family.Exports(config, GraphPrecision.Fp16))
        {
            throw new BadInputException($"fp16 is true; {modelFolder} is a {config.ModelType} {(config.IsClassifier ? "classifier" : "model")}, which has no float16 graph. Leave it out.");
        }

        var sample = TokenSample.Open(modelFolder, config.VocabularySize, settings.Texts);
        using var folder = new OnnxFolder(output ?? Path.Combine(modelFolder, GraphFiles.Folder));
        string fingerprint = Fingerprint.OfFolder(modelFolder);
        Write(modelFolder, family, config, settings, folder, fingerprint);
        ExportReport report = Hashes(folder, fingerprint);
        var graphs = new GraphFolder(modelFolder, folder.Path, report) { AsWritten = true };
        var check = new ParityCheck(settings);
        string reference = referenceFolder ?? modelFolder;
        IReadOnlyDictionary<string, GraphFigures> figures = !config.IsClassifier
            ? CheckDecoder(check, config, settings, graphs, sample, reference, threads)
            : CheckClassifier(check, config, settings, graphs, sample, reference, threads);
        report = report with { Graphs = report.Graphs.ToDictionary(pair => pair.Key, pair => figures[pair.Key].Of(pair.Value)) };
        report.Write(folder.Path);
        folder.Publish();
        if (output is null)
        {
            Describe(modelFolder, config, report);
        }

        return report;
    }

    /// <summary>Writes a model's float32 graphs without comparing them with it.</summary>
    /// <param name="modelFolder">A model folder in Hugging Face layout; gets the folder <c>onnx</c>.</param>
    public static void WriteUnchecked(string modelFolder)
    {
        var config = ModelConfig.Load(modelFolder);
        using var folder = new OnnxFolder(Path.Combine(modelFolder, GraphFiles.Folder));
        string fingerprint = Fingerprint.OfFolder(modelFolder);
        Write(modelFolder, ModelFamilies.Of(config.ModelType), config, new ExportSettings(), folder, fingerprint);
        Hashes(folder, fingerprint).Write(folder.Path);
        folder.Publish();
    }

    /// <summary>Writes graphs and weights. Frees the weights on return, before the check loads the model.</summary>
    private static void Write(
        string modelFolder, IModelFamily family, ModelConfig config, ExportSettings settings, OnnxFolder folder, string fingerprint)
    {
        using var data = new ExternalData(folder.Path, GraphFiles.Weights(GraphPrecision.Fp32));
        using var int8Data = new ExternalData(folder.Path, GraphFiles.Weights(GraphPrecision.Int8));
        using var halfData = new ExternalData(folder.Path, GraphFiles.Weights(GraphPrecision.Fp16), halves: true);
        IProjections[] kinds =
        [
            .. settings.Fp32 ? [new FloatProjections(data, GraphPrecision.Fp32)] : Array.Empty<IProjections>(),
            .. settings.Int8 ? [new Int8Projections(int8Data)] : Array.Empty<IProjections>(),
            .. settings.Fp16 ? [new FloatProjections(halfData, GraphPrecision.Fp16)] : Array.Empty<IProjections>(),
        ];
        IReadOnlyDictionary<string, float[]> weights = family.ReadWeights(modelFolder, config);
        foreach (IProjections projections in kinds)
        {
            ExternalData floats = projections.Precision == GraphPrecision.Fp16 ? halfData : data;
            foreach ((string file, OnnxGraph graph) in family.Graphs(config, weights, floats, projections))
            {
                graph.Save(folder.File(file), GraphMetadata.Of(config, fingerprint, projections.Precision).Entries());
            }
        }
    }

    /// <summary>Updates the files in the model's root that refer to the graphs: the card and a decoder's genai_config.json.</summary>
    private static void Describe(string modelFolder, ModelConfig config, ExportReport report)
    {
        ExportCard.Update(modelFolder, report);
        if (!config.IsClassifier)
        {
            GraphPrecision first = Enum.GetValues<GraphPrecision>().First(precision => report.Graphs.ContainsKey(GraphFiles.Model(precision)));
            int padding = GenAiConfig.PaddingId(config, TextTokenizer.Load(modelFolder));
            AtomicFile.WriteText(Path.Combine(modelFolder, ModelFiles.GenAiConfig), GenAiConfig.Text(config, padding, first) + "\n");
        }
    }

    private static Dictionary<string, GraphFigures> CheckDecoder(
        ParityCheck check, ModelConfig config, ExportSettings settings, GraphFolder graphs, TokenSample sample, string reference, int threads)
    {
        var figures = new Dictionary<string, GraphFigures>();
        using var model = new TorchDecoder(reference);
        if (settings.Fp32)
        {
            int steps = Math.Min(ParityCheck.CachedSteps, config.Context - 1);
            IReadOnlyList<int[]> rows = sample.Ragged(config.Context, steps);
            using (var graph = LogProbGraph.Load(graphs, new EngineOptions { Threads = threads }))
            {
                figures[GraphFiles.LogProbs] = check.LogProbs(model, graph, rows);
            }

            using var decoder = OnnxDecoder.Load(graphs, Options(GraphPrecision.Fp32, rows, threads), config.EosId);
            figures[GraphFiles.Model(GraphPrecision.Fp32)] = check.Decoder(model, decoder, rows, steps);
        }

        if (settings.Int8)
        {
            IReadOnlyList<int[]> rows = sample.Even(Texts, Math.Min(TextTokens, config.Context));
            EngineOptions options = Options(GraphPrecision.Int8, rows, threads);
            using var decoder = OnnxDecoder.Load(graphs, options, config.EosId);
            using var slots = SlotDecoder.Load(graphs, options, config.EosId);
            figures[GraphFiles.Model(GraphPrecision.Int8)] = check.Int8Decoder(model, decoder, slots, rows);
        }

        if (settings.Fp16)
        {
            IReadOnlyList<int[]> rows = sample.Even(Texts, Math.Min(TextTokens, config.Context));
            using var decoder = OnnxDecoder.Load(graphs, Options(GraphPrecision.Fp16, rows, threads), config.EosId);
            figures[GraphFiles.Model(GraphPrecision.Fp16)] = check.Fp16Decoder(model, decoder, rows);
        }

        return figures;
    }

    /// <summary>A decoder with room for the rows of a check.</summary>
    private static EngineOptions Options(GraphPrecision precision, IReadOnlyList<int[]> rows, int threads) => new()
    {
        Precision = precision,
        Threads = threads,
        MaxSlots = rows.Count,
        MaxTokens = rows.Max(row => row.Length),
        MaxCacheBytes = long.MaxValue,
    };

    private static Dictionary<string, GraphFigures> CheckClassifier(
        ParityCheck check, ModelConfig config, ExportSettings settings, GraphFolder graphs, TokenSample sample, string reference, int threads)
    {
        var figures = new Dictionary<string, GraphFigures>();
        (int? before, int? after) = config.WrapsTexts ? (config.BosId, config.EosId) : (null, null);
        int[][] texts = [.. sample.Texts(ClassifierTexts, Math.Min(ClassifierTokens, config.Context), before, after)
            .Select(row => row.Where(id => id != config.PadId).ToArray())];         // the graph masks only the fill of short rows, the model every padding id
        using var model = new TorchClassifier(reference);
        foreach ((GraphPrecision precision, bool wanted) in new[] { (GraphPrecision.Fp32, settings.Fp32), (GraphPrecision.Int8, settings.Int8) })
        {
            if (wanted)
            {
                using var graph = ClassifierEngine.Load(graphs, new EngineOptions { Precision = precision, Threads = threads });
                figures[GraphFiles.Model(precision)] = check.Classifier(model, graph, texts, int8: precision == GraphPrecision.Int8);
            }
        }

        return figures;
    }

    /// <summary>The hashes of the written files, without measurements.</summary>
    private static ExportReport Hashes(OnnxFolder folder, string fingerprint)
    {
        var graphs = Enum.GetValues<GraphPrecision>().Select(precision => (Name: GraphFiles.Model(precision), Precision: precision))
            .Append((Name: GraphFiles.LogProbs, Precision: GraphPrecision.Fp32))
            .Where(graph => File.Exists(folder.File(graph.Name)))
            .OrderBy(graph => graph.Name, StringComparer.Ordinal)
            .ToDictionary(graph => graph.Name, graph => new GraphReport(FileHash.Sha256(folder.File(graph.Name)), GraphFiles.Name(graph.Precision), 0, 0, 0));
        var weights = Enum.GetValues<GraphPrecision>().Select(GraphFiles.Weights).Where(name => File.Exists(folder.File(name)))
            .ToDictionary(name => name, name => new FileReport(FileHash.Sha256(folder.File(name)), new FileInfo(folder.File(name)).Length));
        return new ExportReport(fingerprint, graphs, weights);
    }
}
