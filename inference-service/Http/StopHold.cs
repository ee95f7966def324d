namespace Rudder.InferenceService.Http;

/// <summary>Lets a growing text through, but for its end where that may be the beginning of a stop string.</summary>
/// <param name="stops">Strings that will be cut off with all that follows; none is empty.</param>
internal sealed class StopHold(IReadOnlyList<string> stops)
{
    private string _held = "";

    /// <summary>Takes the next piece in and gives out what no stop string can touch any more.</summary>
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

    // A stop string stands at the beginning of the text, or the text is the beginning of a stop string.
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
