using Rudder.Checkpoints;
using Rudder.Onnx;
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
    /// <exception cref="TrainingFailedException">The graphs differ from the model. No files remain.</exception>
    public static ExportReport Run(string modelFolder, ExportSettings settings, int threads, string? output = null, string? referenceFolder = null)
    {
        if (!settings.Writes)
        {
            throw new BadInputException("fp32, int8 and fp16 are all false: there is nothing to export. Set one to true.");
        }

        ModelConfig config = ModelConfig.Load(modelFolder);
        IModelFamily family = ModelFamilies.Of(config.ModelType);
        if (settings.Fp16 && !family.Exports(GraphPrecision.Fp16))
        {
            throw new BadInputException($"fp16 is true; {modelFolder} is a {config.ModelType} model, and that family has no float16 graph. Leave it out.");
        }

        TokenSample sample = TokenSample.Open(modelFolder, config.VocabularySize, settings.Texts);
        using var folder = new OnnxFolder(output ?? Path.Combine(modelFolder, GraphFiles.Folder));
        string fingerprint = Fingerprint.OfFolder(modelFolder);
        Write(modelFolder, family, config, settings, folder, fingerprint);
        var check = new ParityCheck(settings);
        string reference = referenceFolder ?? modelFolder;
        IReadOnlyDictionary<string, GraphFigures> figures = config.Labels.Count == 0
            ? CheckDecoder(check, config, settings, folder, sample, reference, threads)
            : CheckClassifier(check, config, settings, folder, sample, reference, threads);
        ExportReport report = Report(folder, fingerprint, figures);
        report.Write(folder.Path);
        folder.Publish();
        if (output is null)
        {
            Describe(modelFolder, config, report);
        }

        return report;
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
            .. settings.Fp32 ? [new Float32Projections(data)] : Array.Empty<IProjections>(),
            .. settings.Int8 ? [new Int8Projections(int8Data)] : Array.Empty<IProjections>(),
            .. settings.Fp16 ? [new Float16Projections(halfData)] : Array.Empty<IProjections>(),
        ];
        IReadOnlyDictionary<string, float[]> weights = family.ReadWeights(modelFolder, config);
        foreach (IProjections projections in kinds)
        {
            ExternalData floats = projections is Float16Projections ? halfData : data;
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
        if (config.Labels.Count == 0)
        {
            GraphPrecision first = Enum.GetValues<GraphPrecision>().First(precision => report.Graphs.ContainsKey(GraphFiles.Model(precision)));
            int padding = GenAiConfig.PaddingId(config, TextTokenizer.Load(modelFolder));
            AtomicFile.WriteText(Path.Combine(modelFolder, ModelFiles.GenAiConfig), GenAiConfig.Text(config, padding, first) + "\n");
        }
    }

    private static Dictionary<string, GraphFigures> CheckDecoder(
        ParityCheck check, ModelConfig config, ExportSettings settings, OnnxFolder folder, TokenSample sample, string reference, int threads)
    {
        var figures = new Dictionary<string, GraphFigures>();
        using var model = new TorchDecoder(reference);
        if (settings.Fp32)
        {
            int steps = Math.Min(ParityCheck.CachedSteps, config.Context - 1);
            IReadOnlyList<int[]> rows = sample.Ragged(config.Context, steps);
            using (var graph = new LogProbGraph(folder.File(GraphFiles.LogProbs), threads))
            {
                figures[GraphFiles.LogProbs] = check.LogProbs(model, graph, rows);
            }

            using var decoder = new DecoderGraph(folder.File(GraphFiles.Model(GraphPrecision.Fp32)), threads);
            figures[GraphFiles.Model(GraphPrecision.Fp32)] = check.Decoder(model, decoder, rows, steps);
        }

        if (settings.Int8)
        {
            using var decoder = new DecoderGraph(folder.File(GraphFiles.Model(GraphPrecision.Int8)), threads);
            figures[GraphFiles.Model(GraphPrecision.Int8)] = check.Int8Decoder(model, decoder, sample.Even(Texts, Math.Min(TextTokens, config.Context)));
        }

        if (settings.Fp16)
        {
            using var decoder = new DecoderGraph(folder.File(GraphFiles.Model(GraphPrecision.Fp16)), threads);
            figures[GraphFiles.Model(GraphPrecision.Fp16)] = check.Fp16Decoder(model, decoder, sample.Even(Texts, Math.Min(TextTokens, config.Context)));
        }

        return figures;
    }

    private static Dictionary<string, GraphFigures> CheckClassifier(
        ParityCheck check, ModelConfig config, ExportSettings settings, OnnxFolder folder, TokenSample sample, string reference, int threads)
    {
        var figures = new Dictionary<string, GraphFigures>();
        IReadOnlyList<int[]> texts = sample.Texts(ClassifierTexts, Math.Min(ClassifierTokens, config.Context), config.BosId, config.EosId);
        using var model = new TorchClassifier(reference);
        foreach ((GraphPrecision precision, bool wanted) in new[] { (GraphPrecision.Fp32, settings.Fp32), (GraphPrecision.Int8, settings.Int8) })
        {
            if (wanted)
            {
                string name = GraphFiles.Model(precision);
                using var graph = new ClassifierGraph(folder.File(name), threads, config.PadId ?? 0);
                figures[name] = check.Classifier(model, graph, texts, int8: precision == GraphPrecision.Int8);
            }
        }

        return figures;
    }

    private static ExportReport Report(OnnxFolder folder, string fingerprint, IReadOnlyDictionary<string, GraphFigures> figures)
    {
        var graphs = figures.OrderBy(pair => pair.Key, StringComparer.Ordinal).ToDictionary(pair => pair.Key, pair => new GraphReport(
            folder.Sha256(pair.Key),
            GraphFiles.Name(Enum.GetValues<GraphPrecision>().FirstOrDefault(precision => GraphFiles.Model(precision) == pair.Key)),
            pair.Value.Positions,
            pair.Value.MaxAbsDiff,
            pair.Value.Limit,
            pair.Value.MeanTokenDiff,
            pair.Value.MeanKl,
            pair.Value.MeanKlBf16Cache));
        var weights = Enum.GetValues<GraphPrecision>().Select(GraphFiles.Weights).Where(name => File.Exists(folder.File(name)))
            .ToDictionary(name => name, name => new FileReport(folder.Sha256(name), new FileInfo(folder.File(name)).Length));
        return new ExportReport(fingerprint, graphs, weights);
    }
}
