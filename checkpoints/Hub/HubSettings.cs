namespace Rudder.Checkpoints;

/// <summary>Which hub to ask, with which token, and where downloads are kept. The variables are those of <c>huggingface_hub</c>.</summary>
public sealed record HubSettings
{
    /// <summary>Address of the hub, https or a loopback address. <c>HF_ENDPOINT</c>.</summary>
    /// <value>The default is https://huggingface.co.</value>
    public Uri Endpoint { get; init; } = new("https://huggingface.co");

    /// <summary>
    /// Access token, sent to <see cref="Endpoint"/> only. <c>HF_TOKEN</c>, otherwise the file <c>token</c> in <c>HF_HOME</c>.
    /// </summary>
    /// <value>The default is none.</value>
    public string? Token { get; init; }

    /// <summary>The download cache. <c>HF_HUB_CACHE</c>, otherwise the folder <c>hub</c> in <c>HF_HOME</c>.</summary>
    public required string Cache { get; init; }

    /// <summary>Whether to use the cache only. <c>HF_HUB_OFFLINE</c>.</summary>
    /// <value>The default is false.</value>
    public bool Offline { get; init; }

    /// <summary>Wait before the first retry; later waits grow.</summary>
    internal TimeSpan FirstWait { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Longest silence of a connection before it counts as cut.</summary>
    internal TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Reads the environment.</summary>
    /// <exception cref="CheckpointException">A variable has a value that cannot be used.</exception>
    public static HubSettings FromEnvironment() => From(Environment.GetEnvironmentVariable);

    /// <summary>Reads variables.</summary>
    /// <param name="variable">The value of a variable; null or empty where it is not set.</param>
    internal static HubSettings From(Func<string, string?> variable)
    {
        string? Value(string name) => variable(name) is { Length: > 0 } value ? value : null;
        string profile = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string home = Value("HF_HOME") ?? Path.Combine(Value("XDG_CACHE_HOME") ?? Path.Combine(profile, ".cache"), "huggingface");
        string cache = Value("HF_HUB_CACHE") ?? Path.Combine(home, "hub");
        return new HubSettings
        {
            Endpoint = Address(Value("HF_ENDPOINT") ?? "https://huggingface.co"),
            Token = TokenOf(Value("HF_TOKEN") ?? TokenFile(Value("HF_TOKEN_PATH") ?? Path.Combine(home, "token"))),
            Cache = Path.GetFullPath(cache),
            Offline = Value("HF_HUB_OFFLINE") is "1" or "ON" or "YES" or "TRUE" or "on" or "yes" or "true" or "True",
        };
    }

    /// <summary>Whether tokens and files may travel to an address: over TLS, or within this machine.</summary>
    internal static bool IsSafe(Uri address) =>
        address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback);

    private static Uri Address(string text) => Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && IsSafe(address)
        && address is { UserInfo: "", Query: "", Fragment: "" }
            ? address
            : throw new CheckpointException(
                $"HF_ENDPOINT is '{text}'; it must be an https address, or an http address of this machine, "
                + $"as in https://huggingface.co or http://127.0.0.1:8080.");

    private static string? TokenFile(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: the hub's token cannot be read ({e.Message}). Set HF_TOKEN, or remove the file.", e);
        }
    }

    private static string? TokenOf(string? text)
    {
        string? token = text?.Trim();
        return token is null or "" ? null
            : token.All(c => c is > ' ' and < '\x7f') ? token
            : throw new CheckpointException(
                $"The hub's token (HF_TOKEN or the file of `hf auth login`) has blanks or characters outside ASCII. Copy it again.");
    }
}
