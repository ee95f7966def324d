using Rudder.Client.Evaluation;
using Rudder.Client.Experiments;
using Rudder.Client.Files;
using Rudder.Client.Runs;
using Rudder.Client.Tests.Experiments;
using Rudder.Datasets;
using Rudder.Preference.V1;

namespace Rudder.Client.Tests.Reports;

/// <summary>A small finished run on the disk, with a given text wherever users' and models' words may stand.</summary>
internal static class RunExample
{
    public static void Write(TemporaryFolder folder, string text, string? commit = null, string? sft = null)
    {
        string experiment = folder.Write("experiment.json", ExperimentExample.Json().ToJsonString());
        Variant variant = ExperimentFile.Load(experiment).Find("demo") with { Description = text };
        Evaluation(folder, "reference", text, 0.4, 0);
        Evaluation(folder, "dpo-beta-0.1", text, 0.612, 12.34);
        folder.Write(
            "dpo-beta-0.1/metrics.jsonl",
            """
            {"step":1,"split":"train","loss":0.693,"rewards/margins":0,"rewards/accuracies":0}
            {"step":1,"split":"eval","loss":0.7}
            {"step":2,"split":"train","loss":0.5,"rewards/margins":0.4,"rewards/accuracies":0.75}

            """
        );
        folder.Write("dpo-beta-0.1/recipe.json", """{"beta":0.1,"optimizer":{"name":"adamw"}}""");
        Pairs(
            folder, PairFiles.PathIn("", PairFiles.Training),
            Pair(text, 0, 0.75, 3, 0.5, 5), Pair(text, 1, 0.5, 2, 0.25, 2), Pair("p", 0, 0.4, 6, 0.35, 1));
        folder.Write("pairs/pairs.jsonl.settings.json", """{"prompts":{"count":3},"sampling":{"samples":3}}""");
        PolicyEntry[] policies =
        [
            new("reference", null, null, "reference.json"),
            new("dpo-beta-0.1", 0.1, "dpo-beta-0.1", "dpo-beta-0.1.json"),
        ];
        Save(
            folder,
            RunManifest.FileName,
            new RunManifest(
                "example",
                "demo",
                text,
                text,
                "dotnet run --project client -- run x --variant demo",
                (System.Text.Json.Nodes.JsonObject)StrictJson.ToNode(variant),
                1e-4,
                "known to work",
                policies,
                sft
            )
        );
        Save(folder, RunSummary.FileName, new RunSummary("example", commit, [], "report.html"));
        Save(folder, MachineInfo.FileName, new MachineInfo("0123456789abcdef", false, text, ".NET", text, 2, 8, DateTimeOffset.UnixEpoch));
    }

    /// <summary>Writes a file of pairs.</summary>
    public static void Pairs(TemporaryFolder folder, string name, params PreferencePair[] pairs) =>
        PreferencePairs.Write(folder.File(name), pairs);

    /// <summary>A pair whose completions are numbered from <paramref name="index"/>, with scores and numbers of tokens.</summary>
    public static PreferencePair Pair(string prompt, int index, double chosen, int chosenTokens, double rejected, int rejectedTokens) =>
        new()
        {
            PromptId = prompt,
            Prompt = prompt,
            PromptIds = { 1, 2 },
            Chosen = "text",
            Rejected = "text",
            ChosenSample = Completion(index, chosen, chosenTokens),
            RejectedSample = Completion(index + 1, rejected, rejectedTokens),
        };

    private static Scored Completion(int index, double score, int tokens) =>
        new() { SampleIndex = index, Score = score, Ids = { Enumerable.Range(0, tokens) } };

    private static void Evaluation(TemporaryFolder folder, string name, string text, double reward, double kl) =>
        Save(
            folder,
            name + ".json",
            new EvaluationResult(
                name,
                "reference",
                10,
                50,
                reward,
                [0.55, 0.67],
                kl,
                [kl - 1, kl + 1],
                kl,
                [kl - 2, kl + 2],
                kl / 20,
                [0, 1],
                20,
                [19, 21],
                0.5,
                [new SampleCompletion("p1", text, text, reward, kl)],
                new() { ["note"] = text }
            )
        );

    private static void Save<T>(TemporaryFolder folder, string name, T value) =>
        AtomicFile.WriteText(folder.File(name), StrictJson.Format(value));
}
