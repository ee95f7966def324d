using System.Globalization;

namespace Rudder.Trainer.Runs;

/// <summary>Shows how far a run is: a redrawn line on a terminal, a plain line every ten seconds elsewhere.</summary>
internal sealed class ProgressBar
{
    private const int Width = 24;
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan TerminalInterval = TimeSpan.FromMilliseconds(200);

    private readonly RunRequest request;
    private readonly int total;
    private readonly long start;
    private readonly int firstStep;
    private long shown;
    private long rateStart;
    private long rateTokens;
    private double rate;

    /// <summary>Starts the clock.</summary>
    public ProgressBar(RunRequest request, int firstStep, int total)
    {
        this.request = request;
        this.total = total;
        this.firstStep = firstStep;
        start = rateStart = request.Clock.GetTimestamp();
    }

    /// <summary>Tokens per second over the last few seconds.</summary>
    public double TokensPerSecond => rate;

    /// <summary>Counts a step and shows it where it is time to.</summary>
    public void Step(int step, long tokens, double loss)
    {
        long now = request.Clock.GetTimestamp();
        rateTokens += tokens;
        double seconds = request.Clock.GetElapsedTime(rateStart, now).TotalSeconds;
        if (seconds >= 2 || rate == 0)
        {
            rate = rateTokens / Math.Max(seconds, 1e-9);
            (rateStart, rateTokens) = (now, 0);
        }

        if (step < total && request.Clock.GetElapsedTime(shown, now) < (request.Terminal ? TerminalInterval : PlainInterval))
        {
            return;
        }

        shown = now;
        double spent = request.Clock.GetElapsedTime(start, now).TotalSeconds;
        double left = spent / Math.Max(1, step - firstStep) * (total - step);
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"step {step}/{total}  loss {loss:0.0000}  {rate:0} tokens/s  {TimeSpan.FromSeconds((long)left):c} left");
        if (request.Terminal)
        {
            int filled = (int)((long)Width * step / Math.Max(1, total));
            request.Progress.Write($"\r[{new string('#', filled)}{new string('.', Width - filled)}] {line}  {(step >= total ? "\n" : string.Empty)}");
        }
        else
        {
            request.Progress.WriteLine(line);
        }
    }

    /// <summary>Begins the rate anew after time that was not training (an evaluation, a checkpoint).</summary>
    public void Restart() => (rateStart, rateTokens) = (request.Clock.GetTimestamp(), 0);

    /// <summary>Writes a line of its own.</summary>
    public void Say(string text)
    {
        if (request.Terminal)
        {
            request.Progress.WriteLine();
        }

        request.Progress.WriteLine(text);
    }
}
