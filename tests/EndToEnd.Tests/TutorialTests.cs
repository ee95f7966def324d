using System.Diagnostics;
using System.Text.RegularExpressions;
using Rudder.Client.Processes;
using Rudder.Tests;

namespace Rudder.EndToEnd.Tests;

/// <summary>Follows docs/tutorial.md: writes its files and runs its commands, word for word but for the ports.</summary>
public sealed partial class TutorialTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rudder-tutorial-");
    private Process? _service;

    [Fact]
    public async Task Tutorial_EveryCommand_Works()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the tutorial's commands are written for bash");
        Assert.SkipUnless(Find("bash") && Find("curl"), "bash or curl is not installed");
        string text = await File.ReadAllTextAsync(Path.Combine(SharedFolder.Root, "docs", "tutorial.md"), TestContext.Current.CancellationToken);
        (string grpc, string http) = ($"127.0.0.1:{FreePort.Find()}", $"127.0.0.1:{FreePort.Find()}");
        List<string> answers = [];
        foreach (Match block in Block().Matches(text))
        {
            string name = block.Groups["file"].Value;
            string body = block.Groups["body"].Value.Replace("127.0.0.1:5080", grpc, StringComparison.Ordinal).Replace("127.0.0.1:5081", http, StringComparison.Ordinal);
            if (name.Length > 0)
            {
                await File.WriteAllTextAsync(Path.Combine(_folder.FullName, name), body, TestContext.Current.CancellationToken);
            }
            else if (body.StartsWith("inference-service", StringComparison.Ordinal))
            {
                _service = Process.Start(Start($"exec {body.TrimEnd()} > service.log 2>&1"))!;
                await AnswersAsync(http);
            }
            else
            {
                using Process process = Process.Start(Start("set -e\n" + body))!;
                (int code, string output, string error) = await ProgramEnd.OfAsync(process, Limit);
                Assert.True(code == 0, $"{body} exited with {code}: {output}{error}");
                answers.Add(output);
            }
        }

        Assert.Equal(4, answers[^1].Split("\"finish_reason\"").Length - 1);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _service?.Kill(entireProcessTree: true);
        _service?.WaitForExit();
        _service?.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task AnswersAsync(string address)
    {
        using var client = new HttpClient();
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < Limit;)
        {
            Assert.False(_service!.HasExited, "the service ended");
            try
            {
                if ((await client.GetAsync(new Uri($"http://{address}/v1/models"), TestContext.Current.CancellationToken)).IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, TestContext.Current.CancellationToken);
        }

        Assert.Fail("the service does not answer");
    }

    private ProcessStartInfo Start(string commands)
    {
        ProcessStartInfo start = ProgramStart.Info("bash", ["-c", commands]);
        start.WorkingDirectory = _folder.FullName;
        start.Environment["RUDDER"] = SharedFolder.Root;
        var folders = new[] { ("Trainer", "trainer"), ("InferenceService", "inference-service") }.Select(one => Path.GetDirectoryName(Programs.Find(one.Item1, one.Item2)));
        start.Environment["PATH"] = string.Join(Path.PathSeparator, [.. folders, start.Environment["PATH"]]);
        return start;
    }

    private static bool Find(string program) =>
        Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program)));

    [GeneratedRegex(@"^```(?<kind>sh|csv|json|jinja)( (?<file>\S+))?\n(?<body>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();
}
