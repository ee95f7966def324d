using System.Diagnostics;
using System.Text.Json;
using Rudder.Tests;

namespace Rudder.Interop.Tests;

/// <summary>Runs a client program to its end and keeps what each of its checks saw: one JSON object a line, named by <c>check</c>.</summary>
internal sealed class ForeignClient
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(180);
    private readonly Dictionary<string, JsonElement> _checks;

    private ForeignClient(Dictionary<string, JsonElement> checks) => _checks = checks;

    /// <summary>What a check saw.</summary>
    public JsonElement this[string check] => _checks.TryGetValue(check, out var seen)
        ? seen
        : throw new InvalidOperationException($"The client made no check '{check}'; it made {string.Join(", ", _checks.Keys)}.");

    /// <summary>Runs a client whose exit code must be 0.</summary>
    /// <param name="program">Its interpreter.</param>
    /// <param name="arguments">Its script and what it takes.</param>
    public static async Task<ForeignClient> RunAsync(string program, params string[] arguments)
    {
        var checks = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (string line in (await RunToEndAsync(program, arguments)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            using var json = JsonDocument.Parse(line);
            var seen = json.RootElement.Clone();
            checks.Add(seen.GetProperty("check").GetString()!, seen);
        }

        return new ForeignClient(checks);
    }

    /// <summary>Runs a program whose exit code must be 0; returns what it printed.</summary>
    public static async Task<string> RunToEndAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (code, output, error) = await ProgramEnd.OfAsync(process, Limit);
        return code == 0
            ? output
            : throw new InvalidOperationException($"{program} {arguments.FirstOrDefault()} exited with {code}: {error}\n{output}");
    }
}
