using System.CommandLine;

namespace Rudder.InferenceService.Settings;

/// <summary>A command line. System.CommandLine parses it; configuration reads the settings among the flags.</summary>
internal sealed class CommandLine
{
    private const string Description = """
        Serves Sampling, Scoring, Models and grpc.health.v1.Health over gRPC, and the OpenAI completions API, /health, /version and
        /metrics over HTTP. Listens on loopback unless TLS and a check of callers are set. Prints "listening on URL" when the models of
        the settings are warm. Ctrl-C and SIGTERM drain and exit 0.

        Any setting of docs/service.md is a flag (--Service:MaxSlots 16), a variable (Service__MaxSlots=16) or a key of appsettings.json:
          --Service:Models:0:Name NAME        a model to load at start (1, 2, ... for more) ...
          --Service:Models:0:Path FOLDER      ... its folder, with graphs in onnx/ (trainer export --model FOLDER makes them)
          --Service:Models:0:Engine E         slots (default) or genai
          --Service:Models:0:Precision P      fp32 (default), int8, or fp16 (cuda)
          --Service:Device D                  cpu (default) or cuda
          --Service:Tls:CertificateFile FILE  PEM certificate of the https addresses, and ...
          --Service:Tls:KeyFile FILE          ... its key
          --Service:Tls:ClientCaFile FILE     PEM roots: callers must have a certificate under them (mutual TLS)
          --Service:ApiKeysFile FILE          JSON file of API keys: every call but health needs one
          --Logging:LogLevel:Rudder LEVEL     Debug logs every call
          --AllowedHosts HOSTS                host names that callers without keys may use, ';' between

        Examples:
          inference-service --Service:Models:0:Name policy --Service:Models:0:Path models/imdb-mini --http-urls http://127.0.0.1:8080
          inference-service --urls https://0.0.0.0:50051 --http-urls https://0.0.0.0:8443 --Service:ApiKeysFile keys.json \
            --Service:Tls:CertificateFile service.pem --Service:Tls:KeyFile service.key
          inference-service --check-config --Service:MaxSlots 64
          inference-service --new-key team-a
        """;

    private static readonly string[] Sections = ["--Service:", "--Logging:"];

    private const string AllowedHosts = "--AllowedHosts";

    private readonly Option<string[]> _urls = new("--urls")
    {
        Arity = ArgumentArity.OneOrMore, // the last one counts
        Description = "gRPC: http (HTTP/2 only) or https, ';' between several; port 0 takes a free one. Default http://127.0.0.1:50051.",
        HelpName = "URLS",
    };

    private readonly Option<string[]> _httpUrls = new("--http-urls")
    {
        Arity = ArgumentArity.OneOrMore,
        Description = "The HTTP/1.1 face: http (HTTP/1.1 only) or https. Default none.",
        HelpName = "URLS",
    };

    private readonly Option<bool> _checkConfig = new("--check-config")
    {
        Description = "Check flags, settings, certificate, keys and model folders, list every fault or print the settings as JSON, and exit.",
    };

    private readonly Option<string?> _newKey = new("--new-key")
    {
        Description = "Print a fresh API key and the entry for the keys file, store nothing, and exit.",
        HelpName = "NAME",
    };

    private readonly RootCommand _root;
    private readonly ParseResult _parsed;

    /// <summary>Parses a command line.</summary>
    /// <exception cref="UsageException">A setting has no value.</exception>
    public CommandLine(IReadOnlyList<string> args)
    {
        _root = new RootCommand(Description) { _urls, _httpUrls, _checkConfig, _newKey };
        var (flags, settings) = Split(args);
        Settings = settings;
        _parsed = _root.Parse(flags);
    }

    /// <summary>The settings among the flags, each as --KEY=VALUE.</summary>
    public string[] Settings { get; }

    /// <summary>Value of --urls, or null.</summary>
    public string? Urls => _parsed.GetValue(_urls)?.LastOrDefault();

    /// <summary>Value of --http-urls, or null.</summary>
    public string? HttpUrls => _parsed.GetValue(_httpUrls)?.LastOrDefault();

    /// <summary>Whether --check-config is given.</summary>
    public bool CheckConfig => _parsed.GetValue(_checkConfig);

    /// <summary>Name given to --new-key, or null.</summary>
    public string? NewKey => _parsed.GetValue(_newKey);

    /// <summary>The faults of the flags.</summary>
    public IReadOnlyList<string> Faults => [.. _parsed.Errors.Select(error => error.Message)];

    /// <summary>Prints help, the version or faults of the flags; otherwise runs the service.</summary>
    public Task<int> InvokeAsync(Func<CommandLine, Task<int>> run)
    {
        _root.SetAction((_, _) => run(this));
        return _parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    private static bool IsSetting(string arg) =>
        Sections.Any(section => arg.StartsWith(section, StringComparison.OrdinalIgnoreCase))
        || arg.Split('=')[0].Equals(AllowedHosts, StringComparison.OrdinalIgnoreCase);

    private static (string[] Flags, string[] Settings) Split(IReadOnlyList<string> args)
    {
        List<string> flags = [], settings = [];
        for (int i = 0; i < args.Count; i++)
        {
            string arg = args[i];
            if (!IsSetting(arg))
            {
                flags.Add(arg);
                continue;
            }

            bool takesNext = !arg.Contains('=', StringComparison.Ordinal) && i + 1 < args.Count && !args[i + 1].StartsWith("--", StringComparison.Ordinal);
            string setting = takesNext ? $"{arg}={args[++i]}" : arg;
            settings.Add(setting.Contains('=', StringComparison.Ordinal) ? setting : throw new UsageException($"{arg} has no value."));
        }

        return ([.. flags], [.. settings]);
    }
}
