namespace Rudder.InferenceService.Options;

/// <summary>Checks the command line: which flags exist, and that each has its value. The configuration system itself ignores unknown ones.</summary>
internal static class CommandLine
{
    private static readonly string[] Sections = ["Service", "Logging"];

    /// <summary>What <c>--help</c> prints.</summary>
    public const string Help = """
        inference-service [--urls http://127.0.0.1:50051] [--Service:KEY VALUE]... [--Logging:KEY VALUE]...

        Serves Sampling, Scoring, Models and grpc.health.v1.Health over gRPC (HTTP/2 cleartext, loopback only).
        Prints "listening on URL" when the models named in the settings are warm. Ctrl-C and SIGTERM drain and exit 0.

          --urls URL                          where to listen; port 0 takes a free one. Default http://127.0.0.1:50051.
          --Service:Models:0:Name NAME        a model to load at start (1, 2, ... for more) ...
          --Service:Models:0:Path FOLDER      ... its folder, with graphs in onnx/ (trainer export --model FOLDER makes them)
          --Service:Models:0:Engine E         slots (default) or genai
          --Service:Models:0:Precision P      fp32 (default) or int8

        Every setting, its unit, default and range: docs/service.md. A setting can also stand in appsettings.json beside the
        program or in the environment (Service__MaxSlots=16).
        """;

    /// <summary>Whether help was asked for.</summary>
    public static bool AsksForHelp(IReadOnlyList<string> args) => args.Any(arg => arg is "--help" or "-h" or "-?");

    /// <summary>Refuses flags that do not exist, flags without a value, and anything that is no flag.</summary>
    /// <exception cref="UsageException">The message lists every fault.</exception>
    public static void Check(IReadOnlyList<string> args)
    {
        var faults = new List<string>();
        for (int i = 0; i < args.Count; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal))
            {
                faults.Add($"'{args[i]}' is no flag; flags are --urls and --Service:KEY.");
                continue;
            }

            int equals = args[i].IndexOf('=');
            string name = equals < 0 ? args[i][2..] : args[i][2..equals];
            if (!IsKnown(name))
            {
                faults.Add($"--{name} does not exist; flags are --urls, --Service:KEY and --Logging:KEY.");
            }

            if (equals < 0 && (++i == args.Count || args[i].StartsWith("--", StringComparison.Ordinal)))
            {
                faults.Add($"--{name} has no value.");
                i--;
            }
        }

        if (faults.Count > 0)
        {
            throw new UsageException(string.Join('\n', faults) + "\n--help shows the flags.");
        }
    }

    private static bool IsKnown(string name) =>
        name.Equals("urls", StringComparison.OrdinalIgnoreCase)
        || Sections.Any(section => name.StartsWith(section + ":", StringComparison.OrdinalIgnoreCase) && name.Length > section.Length + 1);
}
