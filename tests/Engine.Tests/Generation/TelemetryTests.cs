using System.Diagnostics;
using Rudder.Engine.Generation;
using Rudder.Engine.Tests.Support;
using Rudder.Tests;

namespace Rudder.Engine.Tests.Generation;

/// <summary>ONNX Runtime and GenAI write nothing below the user's folders: shown in a child process whose home is empty.</summary>
public class TelemetryTests
{
    private const string ChildFlag = "RUDDER_TELEMETRY_CHILD";

    [Fact]
    public async Task Engines_UsedInAChildProcess_LeaveTheUsersFolderEmpty()
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable(ChildFlag) is not null, "runs in the parent only");
        string home = Directory.CreateTempSubdirectory("rudder-home-").FullName;
        try
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
            if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            {
                start.ArgumentList.Add(typeof(TelemetryTests).Assembly.Location);
            }

            start.ArgumentList.Add("-method");
            start.ArgumentList.Add($"{typeof(TelemetryTests).FullName}.{nameof(Child_BothEnginesRun)}");
            foreach (string name in (string[])["ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"])
            {
                start.Environment.Remove(name);
            }

            start.Environment["HOME"] = home;
            start.Environment[ChildFlag] = "1";
            using var child = Process.Start(start)!;
            var (code, output, _) = await ProgramEnd.OfAsync(child);
            Assert.True(code == 0, output);
            Assert.Contains("Total: 1", output);
            Assert.Empty(Directory.EnumerateFiles(home, "*", SearchOption.AllDirectories));
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }
    }

    [Fact]
    public async Task Child_BothEnginesRun()
    {
        using var model = new TinyModel("tiny-gpt2");
        var prompt = new GenerationBatch([new PromptRequest { PromptIds = [1, 2], MaxNewTokens = 3 }]);
        await using var slots = SlotEngine.Load(model.Open(), new EngineOptions { Threads = 1 }, null);
        await using var genAi = GenAiEngine.Load(model.Open(), new EngineOptions { Threads = 1 }, 511);
        Assert.Single(await slots.GenerateAsync(prompt, CancellationToken.None));
        Assert.Single(await genAi.GenerateAsync(prompt, CancellationToken.None));
    }
}
