using System.Text.RegularExpressions;
using Rudder.Client.Evaluation;
using Rudder.Client.Files;
using Rudder.Client.Reports;
using Rudder.Client.Runs;

namespace Rudder.Client.Tests.Reports;

/// <summary>Trainings side by side: settings, moving parts, accuracy over training; and pairs.</summary>
public sealed partial class SideBySideTests : IDisposable
{
    private const string Shared = "\"model\":\"m\",\"optimizer\":{\"name\":\"adamw\"}";
    private const string Reward = "{" + Shared + ""","seed":0,"pairs":"runs/x/pairs/pairs.jsonl","batch":{"groups":8}}""";
    private const string Dpo = "{\"loss\":\"dpo\"," + Shared + ""","seed":0,"pairs":"runs/x/pairs/pairs.jsonl","batch":{"groups":8}}""";
    private const string Ppo =
        "{" + Shared + ""","seed":0,"kl_coef":0.05,"batch":{"prompts":4,"samples":2},"rollouts":{"engine":"in_process"},"""
        + """ "rewards":[{"name":"judge","kind":"reward_model"},{"name":"short","kind":"length"}]}""";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Write_Trainings_DifferingSettingsAreAColumnEachAndCommonOnesAreFolded()
    {
        string page = Page();
        Assert.Contains("<tr><th>setting</th><th>dpo-seed-0</th><th>ppo</th><th>reward</th></tr>", page, StringComparison.Ordinal); // one of two seeds
        Assert.Contains("<tr><th>loss</th><td>dpo</td><td>–</td><td>–</td></tr>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<tr><th>model</th><td>m</td><td>m</td>", page, StringComparison.Ordinal);
        string folded = Folded().Match(page).Groups[1].Value;
        Assert.Contains("<tr><th>model</th><td>m</td></tr>", folded, StringComparison.Ordinal);
        Assert.Contains("<tr><th>optimizer.name</th><td>adamw</td></tr>", folded, StringComparison.Ordinal);
        Assert.DoesNotContain("loss", folded, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_OneTraining_ShowsItsRecipe()
    {
        RunExample.Write(_folder, "text");
        string page = Rendered();
        Assert.Contains("Recipe of dpo-beta-0.1, as resolved", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Trainings side by side", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Moving parts", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_MovingParts_FollowFromTheRecipes()
    {
        string page = Page();
        Assert.Contains(
            "<tr><th>dpo</th><td>dpo</td><td>2</td><td>policy</td>\n<td>3 pairs</td><td>5</td><td>15.0</td>\n"
            + "<td>6</td><td>loss, pairs, batch.groups</td></tr>",
            page, StringComparison.Ordinal);
        Assert.Contains(
            "<tr><th>ppo</th><td>ppo</td><td>1</td><td>policy, reference, value model, policy in the engine, reward model (judge)</td>"
            + "\n<td>its own completions, scored</td><td>40</td><td>–</td>\n<td>9</td>"
            + "<td>kl_coef, batch.prompts, batch.samples, rollouts, rewards</td></tr>",
            page, StringComparison.Ordinal); // 5 steps of 4 prompts with 2 completions
        Assert.Contains("<th>reward</th><td>reward</td><td>1</td><td>reward model</td>\n<td>3 pairs</td>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_Evaluations_DrawPreferenceAccuracyOverTraining()
    {
        Prepare();
        _folder.Write(
            "dpo-seed-0/metrics.jsonl",
            """
            {"step":25,"split":"eval","rewards/accuracies":0.7}
            {"step":50,"split":"eval","rewards/accuracies":0.8}
            """);
        _folder.Write("reward/metrics.jsonl", """{"step":25,"split":"eval","accuracy":0.625,"learning_rate":0.000003}""");
        string page = Rendered();
        Assert.Contains("<figure id=\"evaluation-accuracies\">", page, StringComparison.Ordinal);
        Assert.Contains("<th>dpo-seed-0</th><td>0.7000</td><td>0.8000</td><td>50</td>", page, StringComparison.Ordinal);
        Assert.Contains("<figure id=\"evaluation-reward-model-accuracy\">", page, StringComparison.Ordinal);
        Assert.Contains("<th>reward</th><td>0.6250</td><td>0.6250</td><td>25</td>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_SmallLearningRates_KeepTheirDigits()
    {
        RunExample.Write(_folder, "text");
        _folder.Write("dpo-beta-0.1/metrics.jsonl", """{"step":1,"learning_rate":0.000003}""");
        Assert.Contains("<td>3e-6</td><td>3e-6</td>", Rendered(), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_Pairs_StandInATableAndTwoCharts()
    {
        RunExample.Write(_folder, "text");
        string page = Rendered();
        Assert.Contains("<tr><th>ties and equal completions left out</th><td>6 of 9 (66.7 %)</td></tr>", page, StringComparison.Ordinal);
        Assert.Contains("<tr><th>score gap, mean</th><td>0.183</td></tr>", page, StringComparison.Ordinal);
        Assert.Contains("<tr><th>tokens of chosen, median [10 %, 90 %]</th><td>3 [2, 6]</td></tr>", page, StringComparison.Ordinal);
        Assert.Contains("chosen completion is longer / shorter</th><td>33.3 % / 33.3 %</td>", page, StringComparison.Ordinal);
        Assert.Contains("<tr><th>0.2</th><td>66.7 %</td></tr>", page, StringComparison.Ordinal); // two gaps of 0.25
        Assert.Contains("<figure id=\"pair-lengths\">", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_PairsRankedByPeople_HaveNoChartOfGaps()
    {
        RunExample.Write(_folder, "text");
        RunExample.Pairs(_folder, "pairs/pairs.jsonl", RunExample.Pair("p", 0, 1, 1, 0, 2), RunExample.Pair("q", 0, 1, 3, 0, 2));
        Assert.DoesNotContain("<figure id=\"pair-gaps\">", Rendered(), StringComparison.Ordinal);
    }

    private string Page()
    {
        Prepare();
        return Rendered();
    }

    /// <summary>Two seeds of DPO, PPO and the reward model that it needs.</summary>
    private void Prepare()
    {
        RunExample.Write(_folder, "text");
        foreach ((string stage, string recipe) in ((string, string)[])
            [("dpo-seed-0", Dpo), ("dpo-seed-1", Dpo.Replace("\"seed\":0", "\"seed\":1", StringComparison.Ordinal)), ("ppo", Ppo), ("reward", Reward)])
        {
            _folder.Write($"{stage}/recipe.json", recipe);
            _folder.Write($"{stage}/done.json", """{"final":{"steps":5}}""");
            var evaluation = EvaluationResult.Read(_folder.File("reference.json"));
            _folder.Write($"{stage}.json", StrictJson.Format(evaluation with { Policy = stage }));
        }

        foreach ((string seed, string seconds) in ((string, string)[])[("0", "10"), ("1", "20")])
        {
            _folder.Write(
                $"stages/dpo-seed-{seed}.json",
                $$"""
                {"stage":"dpo-seed-{{seed}}","key":"k","state":"done","inputs":{},
                 "started":"2026-01-01T00:00:00Z","finished":null,"seconds":{{seconds}}}
                """);
        }

        var manifest = StrictJson.Read<RunManifest>(_folder.File(RunManifest.FileName));
        manifest.Settings["trainings"] = System.Text.Json.Nodes.JsonNode.Parse(
            """[{"name":"dpo","kind":"dpo"},{"name":"reward","kind":"reward"},{"name":"ppo","kind":"ppo"}]""");
        string[] policies = ["dpo-seed-0", "dpo-seed-1", "ppo"];
        _folder.Write(
            RunManifest.FileName,
            StrictJson.Format(manifest with
            {
                Policies = [manifest.Policies[0], .. policies.Select(name => new PolicyEntry(name, null, name, $"{name}.json"))],
                RewardModels = ["reward"],
            }));
    }

    private string Rendered()
    {
        ReportWriter.Write(_folder.Path, _folder.File("report.html"));
        return File.ReadAllText(_folder.File("report.html"));
    }

    [GeneratedRegex("""<summary>Settings that all 3 trainings have in common</summary>(.*?)</details>""", RegexOptions.Singleline)]
    private static partial Regex Folded();
}
