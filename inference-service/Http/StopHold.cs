namespace Rudder.InferenceService.Http;

/// <summary>Passes on streamed text, but holds back an end that may be the start of a stop string.</summary>
/// <param name="stops">Stop strings; not empty.</param>
internal sealed class StopHold(IReadOnlyList<string> stops)
{
    private string _held = "";

    /// <summary>Adds the next piece. Returns the text that is certain not to be part of a stop string.</summary>
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

    // The text starts with a stop string, or is a prefix of one.
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
