using Rudder.Checkpoints;
using Rudder.Onnx;
using Rudder.Trainer.Scoring;

namespace Rudder.Trainer.Export;

/// <summary>
/// Turns a model folder into ONNX graphs: written from the checkpoint's weights under a temporary name, compared with the
/// TorchSharp model, and renamed into place only if they agree.
/// </summary>
internal static class ModelExport
{
    private const int Texts = 16;                       // for graphs that are held to a mean KL
    private const int TextTokens = 64;
    private const int ClassifierTexts = 32;
    private const int ClassifierTokens = 128;

    /// <summary>Exports a model.</summary>
    /// <param name="modelFolder">A GPT-2 or RoBERTa folder in Hugging Face layout.</param>
    /// <param name="settings">What to write and how close int8 and float16 must be.</param>
    /// <param name="threads">Threads of the check; 0: the engines' choice.</param>
    /// <param name="output">Where the graphs shall lie; null: <c>onnx</c> inside the model folder.</param>
    /// <param name="referenceFolder">Model to compare with; null: the same. Only a test has another.</param>
    /// <exception cref="TrainingFailedException">The graphs do not agree with the model; nothing was left.</exception>
    public static ExportReport Run(string modelFolder, ExportSettings settings, int threads, string? output = null, string? referenceFolder = null)
    {
        if (!settings.Writes)
        {
            throw new BadInputException("fp32, int8 and fp16 are all false: there is nothing to export. Set one to true.");
        }

        ModelConfig config = ModelConfig.Load(modelFolder);
        if (settings.Fp16 && config is not Gpt2Config)
        {
            throw new BadInputException($"fp16 is true; {modelFolder} is a {config.ModelType} model, and only GPT-2 decoders have a float16 graph. Leave it out.");
        }

        TokenSample sample = TokenSample.Open(modelFolder, config.VocabularySize, settings.Texts);
        using var folder = new OnnxFolder(output ?? Path.Combine(modelFolder, GraphFiles.Folder));
        string fingerprint = Fingerprint.OfFolder(modelFolder);
        Write(modelFolder, config, settings, folder, fingerprint);
        var check = new ParityCheck(settings);
        IReadOnlyDictionary<string, GraphFigures> figures = config switch
        {
            Gpt2Config gpt2 => Check(check, gpt2, settings, folder, sample, referenceFolder ?? modelFolder, threads),
            RobertaConfig roberta => Check(check, roberta, settings, folder, sample, referenceFolder ?? modelFolder, threads),
            _ => throw Unsupported(config),
        };
        ExportReport report = Report(folder, fingerprint, figures);
        report.Write(folder.Path);
        folder.Publish();
        if (output is null)
        {
            Describe(modelFolder, config, report);
        }

        return report;
    }

    /// <summary>Writes graphs and weights. The weights are let go on return, before the check loads the model.</summary>
    private static void Write(string modelFolder, ModelConfig config, ExportSettings settings, OnnxFolder folder, string fingerprint)
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
        Action<IProjections> write = config switch
        {
            Gpt2Config gpt2 => Gpt2Writer(gpt2, ModelWeights.LoadGpt2(modelFolder, gpt2), data, halfData, folder, fingerprint),
            RobertaConfig roberta => RobertaWriter(roberta, ModelWeights.LoadRoberta(modelFolder, roberta), data, folder, fingerprint),
            _ => throw Unsupported(config),
        };
        Array.ForEach(kinds, write);
    }

    /// <summary>Points the files at the model's root to its graphs: the card, and GenAI's settings of a decoder.</summary>
    private static void Describe(string modelFolder, ModelConfig config, ExportReport report)
    {
        ExportCard.Update(modelFolder, report);
        if (config is Gpt2Config language)
        {
            GraphPrecision first = Enum.GetValues<GraphPrecision>().First(precision => report.Graphs.ContainsKey(GraphFiles.Model(precision)));
            int padding = GenAiConfig.PaddingId(language, TextTokenizer.Load(modelFolder));
            AtomicFile.WriteText(Path.Combine(modelFolder, ModelFiles.GenAiConfig), GenAiConfig.Text(language, padding, first) + "\n");
        }
    }

    private static Action<IProjections> Gpt2Writer(
        Gpt2Config config,
        IReadOnlyDictionary<string, float[]> weights,
        ExternalData data,
        ExternalData halfData,
        OnnxFolder folder,
        string fingerprint) => projections =>
    {
        var builder = new Gpt2Onnx(config, weights, projections is Float16Projections ? halfData : data, projections);
        StringStringEntryProto[] metadata = [.. GraphMetadata.Of(config, fingerprint, projections.Precision).Entries()];
        builder.Decoder().Save(folder.File(GraphFiles.Model(projections.Precision)), metadata);
        if (projections.Precision == GraphPrecision.Fp32)
        {
            builder.LogProbs().Save(folder.File(GraphFiles.LogProbs), metadata);
        }
    };

    private static Action<IProjections> RobertaWriter(
        RobertaConfig config, IReadOnlyDictionary<string, float[]> weights, ExternalData data, OnnxFolder folder, string fingerprint) => projections =>
        new RobertaOnnx(config, weights, data, projections).Classifier()
            .Save(folder.File(GraphFiles.Model(projections.Precision)), GraphMetadata.Of(config, fingerprint, projections.Precision).Entries());

    private static Dictionary<string, GraphFigures> Check(
        ParityCheck check, Gpt2Config config, ExportSettings settings, OnnxFolder folder, TokenSample sample, string reference, int threads)
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

    private static Dictionary<string, GraphFigures> Check(
        ParityCheck check, RobertaConfig config, ExportSettings settings, OnnxFolder folder, TokenSample sample, string reference, int threads)
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

    private static BadInputException Unsupported(ModelConfig config) => new($"A {config.ModelType} model cannot be exported; GPT-2 and RoBERTa can.");
}
