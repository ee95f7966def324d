namespace Rudder.Engine;

/// <summary>Which clients may reuse each other's cached prompt prefixes. A fast answer reveals that a prefix was cached.</summary>
public enum PrefixSharing
{
    /// <summary>All clients share prefixes. The fastest setting, for clients that may learn of each other's prompts.</summary>
    All,

    /// <summary>Each client reuses only its own prefixes.</summary>
    Client,

    /// <summary>Prompts never share prefixes. The samples of one prompt still share its prefill when they start together.</summary>
    None,
}

/// <summary>The rules of <see cref="PrefixSharing"/>.</summary>
internal static class PrefixSharingRule
{
    /// <summary>Whether prompts of these two clients may share cached prefixes.</summary>
    public static bool Allows(this PrefixSharing sharing, string client, string other) => sharing switch
    {
        PrefixSharing.All => true,
        PrefixSharing.Client => client == other,
        _ => false,
    };
}
