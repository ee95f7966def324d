namespace Rudder.Engine;

/// <summary>Whose prompts may begin with what was computed for whose: a prompt that is answered sooner tells that its beginning was known.</summary>
public enum PrefixSharing
{
    /// <summary>Anybody's with anybody's: the fastest, for clients that may know of each other's prompts.</summary>
    All,

    /// <summary>A client's own with its own.</summary>
    Client,

    /// <summary>Nobody's: every prompt is computed for itself. Its own samples still share it where they start together.</summary>
    None,
}

/// <summary>What a <see cref="PrefixSharing"/> allows.</summary>
internal static class PrefixSharingRule
{
    /// <summary>Whether two prompts, of these clients, may share what is computed.</summary>
    public static bool Allows(this PrefixSharing sharing, string client, string other) => sharing switch
    {
        PrefixSharing.All => true,
        PrefixSharing.Client => client == other,
        _ => false,
    };
}
