using System.Text.Json.Nodes;
using Rudder.Client.Files;
using Rudder.Client.Forecasts;

namespace Rudder.Client.Experiments;

/// <summary>The only stage of a variant that scores forecasts.</summary>
/// <param name="run">The run.</param>
/// <param name="wanted">The forecasts.</param>
internal sealed class ForecastScores(RunContext run, ForecastStage wanted)
{
    /// <summary>The stage.</summary>
    public Stage Stage() =>
        new(ForecastResult.StageName, $"scores of the forecasts in {wanted.File}", [], [new StageInput(wanted.File)], _ => ScoreAsync());

    private Task ScoreAsync()
    {
        ForecastFile file = new(wanted.File, wanted.Probability, wanted.Outcome);
        JsonObject inputs = new() { ["forecast"] = StrictJson.ToNode(wanted), ["content"] = run.Inputs.Contents([wanted.File]) };
        return run.Stages.RunAsync(ForecastResult.StageName, inputs, _ =>
        {
            var result = ForecastResult.Of(wanted.File, file.Read(), wanted.Bins);
            AtomicFile.WriteText(ForecastResult.PathIn(run.Root), StrictJson.Format(result));
            return Task.CompletedTask;
        }, ForecastResult.FileName);
    }
}
