namespace Rudder.InferenceService.Http;

/// <summary>Passes a growing text on, except for an end that may be the beginning of a stop string.</summary>
/// <param name="stops">Stop strings; not empty.</param>
internal sealed class StopHold(IReadOnlyList<string> stops)
{
    private string _held = "";

    /// <summary>Adds the next piece; returns the text that no stop string can cut any more.</summary>
    public string Pass(string piece)
    {
        string text = _held + piece;
        int safe = 0;
        while (safe < text.Length && !MayStop(text.AsSpan(safe)))
        {
            safe++;
        }

        _held = text[safe..];
        return text[..safe];
    }

    // The text begins with a stop string, or is the beginning of one.
    private bool MayStop(ReadOnlySpan<char> text)
    {
        foreach (string stop in stops)
        {
            int shared = Math.Min(stop.Length, text.Length);
            if (text[..shared].SequenceEqual(stop.AsSpan(0, shared)))
            {
                return true;
            }
        }

        return false;
    }
}
