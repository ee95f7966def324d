using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Rl;

/// <summary>Writes completions with their reward and KL to samples.jsonl, so that a person can read what the policy turns into.</summary>
internal sealed class SampleLog
{
    /// <summary>Completions written of a step.</summary>
    private const int PerStep = 4;

    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly string? _path;
    private readonly int _every;

    /// <summary>Opens the file. Drops the lines of steps that a resumed run repeats, and an incomplete last one.</summary>
    /// <param name="path">The file; null to write none.</param>
    /// <param name="every">Steps between lines; 0 writes none.</param>
    /// <param name="step">Steps taken so far.</param>
    public SampleLog(string? path, int every, int step)
    {
        (_path, _every) = (path, every);
        if (path is not null)
        {
            StepLines.Trim(path, step);
        }
    }

    /// <summary>Writes the first completions of a step if the step is due.</summary>
    /// <param name="step">The step, from 1.</param>
    /// <param name="rollouts">Its completions.</param>
    /// <param name="scores">Their rewards.</param>
    /// <param name="kl">Exact KL along each, nats.</param>
    public void WriteIfDue(int step, IReadOnlyList<Rollout> rollouts, RewardScores scores, IReadOnlyList<float> kl)
    {
        if (_path is not null && _every > 0 && (step == 1 || step % _every == 0))
        {
            IEnumerable<int> first = Enumerable.Range(0, Math.Min(PerStep, rollouts.Count));
            File.AppendAllLines(_path, first.Select(i => Line(step, rollouts[i], i, scores, kl[i])));
        }
    }

    private static string Line(int step, Rollout rollout, int i, RewardScores scores, float kl)
    {
        var rewards = new JsonObject(
            scores.ByName.Select(reward => KeyValuePair.Create(reward.Key, (JsonNode?)JsonValue.Create(reward.Value[i]))));
        return new JsonObject
        {
            ["step"] = step,
            ["prompt_id"] = rollout.Prompt.Id,
            ["prompt"] = rollout.Prompt.Text,
            ["completion"] = rollout.Completion,
            ["reward"] = scores.Total[i],
            ["rewards"] = rewards,
            ["kl"] = kl,
        }.ToJsonString(Readable);
    }
}
