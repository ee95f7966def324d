namespace Rudder.InferenceService.Settings;

/// <summary>The command line, taken apart: which flags exist, and that each has its value. The configuration system itself ignores unknown ones.</summary>
internal sealed class CommandLine
{
    private const string CheckFlag = "--check-config";
    private const string NewKeyFlag = "new-key";
    private const string UrlsFlag = "urls";
    private const string HttpUrlsFlag = "http-urls";
    private static readonly string[] Sections = ["Service", "Logging"];
    private readonly List<string> _faults = [];
    private readonly List<string> _settings = [];

    private CommandLine()
    {
    }

    /// <summary>What <c>--help</c> prints.</summary>
    public const string Help = """
        inference-service [--urls URLS] [--http-urls URLS] [--Service:KEY VALUE]... [--Logging:KEY VALUE]...
        inference-service --check-config [the same]
        inference-service --new-key NAME

        Serves Sampling, Scoring, Models and grpc.health.v1.Health over gRPC, on loopback unless TLS and a check of callers are set.
        Prints "listening on URL" when the models named in the settings are warm. Ctrl-C and SIGTERM drain and exit 0.

          --urls URLS                         gRPC: http (HTTP/2 only) or https, several with ';' between; port 0 takes a free one.
                                              Default http://127.0.0.1:50051.
          --http-urls URLS                    the HTTP/1.1 face: http (HTTP/1.1 only) or https. Default none.
          --check-config                      reads and checks flags, settings, certificate, keys and model folders, lists every fault
                                              or prints the settings as JSON, and ends: 0 usable, 1 a setting, 2 a model.
          --new-key NAME                      prints a fresh API key and the entry for the keys file, stores nothing, and ends.

          --Service:Models:0:Name NAME        a model to load at start (1, 2, ... for more) ...
          --Service:Models:0:Path FOLDER      ... its folder, with graphs in onnx/ (trainer export --model FOLDER makes them)
          --Service:Models:0:Engine E         slots (default) or genai
          --Service:Models:0:Precision P      fp32 (default), int8, or fp16 (cuda)
          --Service:Device D                  cpu (default) or cuda
          --Service:Tls:CertificateFile FILE  PEM certificate of the https addresses, and ...
          --Service:Tls:KeyFile FILE          ... its key
          --Service:Tls:ClientCaFile FILE     PEM roots: callers must have a certificate under them (mutual TLS)
          --Service:ApiKeysFile FILE          JSON file of API keys: every call but health needs one

        Examples:
          inference-service --Service:Models:0:Name policy --Service:Models:0:Path models/imdb-mini
          inference-service --urls https://0.0.0.0:50051 --http-urls https://0.0.0.0:8443 --Service:ApiKeysFile keys.json \
            --Service:Tls:CertificateFile service.pem --Service:Tls:KeyFile service.key
          inference-service --check-config --Service:MaxSlots 64
          inference-service --new-key team-a

        Every setting, its unit, default and range: docs/service.md. A setting can also stand in appsettings.json beside the
        program or in the environment (Service__MaxSlots=16).
        """;

    /// <summary>Value of --urls, the last one where there are several; null where it is not given.</summary>
    public string? Urls { get; private set; }

    /// <summary>Name given to --new-key; null where it is not given.</summary>
    public string? NewKey { get; private set; }

    /// <summary>Whether --check-config is given.</summary>
    public bool CheckConfig { get; private set; }

    /// <summary>The settings among the flags, each as --KEY=VALUE, for the configuration system.</summary>
    public string[] Settings => [.. _settings];

    /// <summary>Flags that do not exist, flags without a value, and anything that is no flag.</summary>
    public IReadOnlyList<string> Faults => _faults;

    /// <summary>Whether help was asked for.</summary>
    public static bool AsksForHelp(IReadOnlyList<string> args) => args.Any(arg => arg is "--help" or "-h" or "-?");

    /// <summary>Refuses a faulty command line.</summary>
    /// <exception cref="UsageException">The message lists every fault.</exception>
    public static void Check(IReadOnlyList<string> args)
    {
        if (Parse(args) is { Faults.Count: > 0 } line)
        {
            throw UsageException.Of(line.Faults);
        }
    }

    /// <summary>Takes a command line apart; what is wrong stands in <see cref="Faults"/>.</summary>
    public static CommandLine Parse(IReadOnlyList<string> args)
    {
        var line = new CommandLine();
        for (int i = 0; i < args.Count; i++)
        {
            if (args[i] == CheckFlag)
            {
                line.CheckConfig = true;
            }
            else if (!args[i].StartsWith("--", StringComparison.Ordinal))
            {
                line._faults.Add($"'{args[i]}' is no flag; flags begin with --, and --help shows them.");
            }
            else
            {
                i = line.Take(args, i);
            }
        }

        return line;
    }

    // Takes a flag and its value; gives the index of the last argument used.
    private int Take(IReadOnlyList<string> args, int i)
    {
        int equals = args[i].IndexOf('=');
        string name = equals < 0 ? args[i][2..] : args[i][2..equals];
        string? value = equals >= 0 ? args[i][(equals + 1)..] : null;
        if (value is null && i + 1 < args.Count && !args[i + 1].StartsWith("--", StringComparison.Ordinal))
        {
            value = args[++i];
        }

        if (!IsKnown(name))
        {
            _faults.Add($"--{name} does not exist; flags are --urls, --http-urls, --check-config, --new-key, --Service:KEY and --Logging:KEY.");
        }

        if (value is null)
        {
            _faults.Add($"--{name} has no value.");
        }
        else if (IsKnown(name))
        {
            Set(name, value);
        }

        return i;
    }

    private void Set(string name, string value)
    {
        if (name.Equals(UrlsFlag, StringComparison.OrdinalIgnoreCase))
        {
            // Kept from the host, which would warn that the endpoints override it.
            Urls = value;
        }
        else if (name == NewKeyFlag)
        {
            NewKey = value;
        }
        else
        {
            _settings.Add($"--{name}={value}");
        }
    }

    private static bool IsKnown(string name) =>
        name == NewKeyFlag
        || name.Equals(UrlsFlag, StringComparison.OrdinalIgnoreCase)
        || name.Equals(HttpUrlsFlag, StringComparison.OrdinalIgnoreCase)
        || Sections.Any(section => name.StartsWith(section + ":", StringComparison.OrdinalIgnoreCase) && name.Length > section.Length + 1);
}
