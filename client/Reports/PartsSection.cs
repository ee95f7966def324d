using System.Globalization;
using System.Text.Json.Nodes;
using Rudder.Client.Runs;

namespace Rudder.Client.Reports;

/// <summary>Moving parts of each training, side by side: models, data, samples, settings. All of it follows from the recipes.</summary>
internal static class PartsSection
{
    private static readonly string[] OfPairs = ["dpo", "kto", "reward"];

    /// <summary>A row for each training of the variant, whatever its sweep and seeds; nothing where there are fewer than two.</summary>
    public static Html Render(ReportData data)
    {
        (string Name, string Kind)[] trainings = [.. Trainings(data.Manifest.Settings)];
        ILookup<string?, TrainingRecipe> runs = TrainingRecipe.Of(data).ToLookup(run => NameOf(run, trainings));
        Parts[] all = [.. trainings.Where(one => runs.Contains(one.Name)).Select(one => Of(data, one.Name, one.Kind, [.. runs[one.Name]]))];
        return all.Length < 2
            ? Html.Empty
            : Html.Of(
                $"""
                <section>
                <h2>Moving parts</h2>
                <p>What each training needs. Models: those in memory while it trains; a frozen reference of dpo and kto scores the pairs before the
                first step and then leaves memory. Completions: those of the pairs, which were drawn or given before the training, or those that
                one run drew for itself. Settings of its own: those that not all trainings of this page have.</p>
                {ReportPage.Table("Moving parts", Rows(all), "parts")}
                </section>
                """);
    }

    private static Html Rows(Parts[] all)
    {
        HashSet<string> common = [.. all[0].Recipe.Names];
        foreach (Parts parts in all)
        {
            common.IntersectWith(parts.Recipe.Names);
        }

        return Html.Of(
            $"""
            <thead><tr><th>training</th><th>command</th><th>runs</th><th>models</th><th>learns from</th><th>completions</th>
            <th>seconds a run</th><th>settings</th><th>of its own</th></tr></thead>
            <tbody>{all.Select(parts => Row(parts, common, all))}</tbody>
            """);
    }

    private static Html Row(Parts parts, HashSet<string> common, Parts[] all)
    {
        string own = string.Join(", ", parts.Recipe.Names.Except(common).Select(name => Shortened(name, all)).Distinct());
        return Html.Of(
            $"""
            <tr><th>{parts.Name}</th><td>{parts.Kind}</td><td>{parts.Runs}</td><td>{string.Join(", ", parts.Models)}</td>
            <td>{parts.LearnsFrom}</td><td>{Text(parts.Completions, "0")}</td><td>{Text(parts.Seconds, "0.0")}</td>
            <td>{parts.Recipe.Names.Count}</td><td>{own}</td></tr>
            """);
    }

    /// <summary>A group of settings stands for its members where some training lacks the whole group.</summary>
    private static string Shortened(string name, Parts[] all)
    {
        string group = name.Split('.')[0];
        return all.All(parts => parts.Recipe.Names.Any(other => other.Split('.')[0] == group)) ? name : group;
    }

    /// <summary>The training that a run belongs to: its stage is called NAME, or NAME- with values of sweep and seed.</summary>
    private static string? NameOf(TrainingRecipe run, (string Name, string Kind)[] trainings) =>
        trainings.Select(one => one.Name)
            .Where(name => run.Stage == name || run.Stage.StartsWith(name + "-", StringComparison.Ordinal))
            .MaxBy(name => name.Length);

    private static Parts Of(ReportData data, string name, string kind, TrainingRecipe[] runs)
    {
        bool ofPairs = OfPairs.Contains(kind);
        PairStatistics? pairs = ofPairs ? PairsOf(data, runs[0]) : null;
        double?[] seconds = [.. runs.Select(run => data.Stages.FirstOrDefault(stage => stage.Stage == run.Stage)?.Seconds)];
        int? drawn = data.Policies.FirstOrDefault(policy => policy.Entry.Training == runs[0].Stage)?.Drawn;
        return new Parts(
            name, kind, runs.Length, runs[0], Models(kind, runs[0]),
            pairs is not null ? $"{pairs.Gaps.Count} pairs" : ofPairs ? "pairs" : "its own completions, scored",
            ofPairs ? pairs?.Completions : drawn, seconds.Average());
    }

    /// <summary>The pairs of the run that a recipe names; null for any other file.</summary>
    private static PairStatistics? PairsOf(ReportData data, TrainingRecipe run) =>
        run.Text("pairs") is { } file && Path.GetFileName(file) == PairFiles.FileName
            ? data.Pairs.FirstOrDefault(pairs => Path.GetFileName(Path.GetDirectoryName(file)) == pairs.Stage)
            : null;

    /// <summary>Models that the trainer's loops keep in memory, by command.</summary>
    private static IEnumerable<string> Models(string kind, TrainingRecipe run)
    {
        yield return kind == "reward" ? "reward model" : "policy";
        if (!OfPairs.Contains(kind))
        {
            foreach (string model in OfRollouts(kind, run))
            {
                yield return model;
            }
        }
        else if (run.Text("reference", "sync_every") is { } steps && steps != "0")
        {
            yield return "moving reference";
        }
    }

    private static IEnumerable<string> OfRollouts(string kind, TrainingRecipe run)
    {
        yield return "reference";
        if (kind == "ppo")
        {
            yield return "value model";
        }

        if (run.Text("rollouts", "engine") == "in_process")
        {
            yield return "policy in the engine";
        }

        foreach (JsonObject reward in ((run.Recipe as JsonObject)?["rewards"] as JsonArray ?? []).OfType<JsonObject>())
        {
            if (reward["kind"] is JsonValue source && source.ToString() is "classifier" or "reward_model")
            {
                yield return $"{source.ToString().Replace('_', ' ')} ({reward["name"]})";
            }
        }
    }

    /// <summary>Name and command of each training of a variant, as run.json records it.</summary>
    private static IEnumerable<(string Name, string Kind)> Trainings(JsonObject settings)
    {
        foreach (JsonObject training in (settings["trainings"] as JsonArray ?? []).OfType<JsonObject>())
        {
            if (training["name"] is JsonValue name && training["kind"] is JsonValue kind)
            {
                yield return (name.ToString(), kind.ToString());
            }
        }
    }

    private static string Text(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "–";

    /// <summary>What one row shows.</summary>
    private sealed record Parts(
        string Name,
        string Kind,
        int Runs,
        TrainingRecipe Recipe,
        IEnumerable<string> Models,
        string LearnsFrom,
        int? Completions,
        double? Seconds);
}
