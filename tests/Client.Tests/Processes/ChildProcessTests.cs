using System.Diagnostics;
using Rudder.Client.Processes;
using Rudder.Tests;

namespace Rudder.Client.Tests.Processes;

/// <summary>Children end when they are told to, and only they.</summary>
public sealed class ChildProcessTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _log = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Stop_ProgramThatWaits_EndsBySigTermAndIsForgotten()
    {
        TaskCompletionSource ready = new();
        await using ChildProcess child = Start("trap 'echo leaving; exit 0' TERM; echo ready; while :; do sleep 0.05; done", line =>
            ready.TrySetResult()
        );
        await ready.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Contains("\"id\"", File.ReadAllText(_folder.File("processes.json")), StringComparison.Ordinal);
        await child.StopAsync();
        Assert.True(child.HasExited);
        Assert.Contains("leaving", child.Tail, StringComparison.Ordinal); // the trap's word: SIGTERM came before any force
        Assert.Equal("[]", File.ReadAllText(_folder.File("processes.json")).Trim());
    }

    [Fact]
    public async Task Add_ProgramThatEndedAlready_IsNotRemembered()
    {
        using var ended = Process.Start("true");
        await ended.WaitForExitAsync();

        new ProcessLedger(_folder.File("processes.json"), _log.Add).Add(ended);

        Assert.False(File.Exists(_folder.File("processes.json")));
    }

    [Fact]
    public async Task Wait_CancelledToken_StopsTheChildFirst()
    {
        using CancellationTokenSource stop = new();
        await using ChildProcess child = Start("echo ready; while :; do sleep 0.05; done", _ => stop.Cancel());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => child.WaitAsync(stop.Token).WaitAsync(ProgramEnd.Limit));
        Assert.True(child.HasExited);
    }

    [Fact]
    public async Task Wait_FailingProgram_GivesItsCodeAndLastLines()
    {
        await using ChildProcess child = Start("echo first; echo broken >&2; exit 7", _ => { });
        Assert.Equal(7, await child.WaitAsync(CancellationToken.None).WithinAsync(ProgramEnd.Limit, "the end of a script that exits"));
        Assert.Contains("broken", child.Tail, StringComparison.Ordinal);
        Assert.Contains("first", File.ReadAllText(_folder.File("logs", "child.log")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stop_ProgramThatEndedAlready_HasAllOfItsOutput()
    {
        TaskCompletionSource ended = new();
        using ManualResetEventSlim read = new();
        await using ChildProcess child = Start("echo first; echo last", line =>
        {
            if (line == "first")
            {
                ended.SetResult();
                read.Wait(TimeSpan.FromSeconds(30)); // holds the reader back until the program is gone
            }
        });
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(SpinWait.SpinUntil(() => child.HasExited, TimeSpan.FromSeconds(30)), "the script did not end within 30 s");
        Task stop = child.StopAsync();
        Assert.False(stop.IsCompleted);
        read.Set();
        await stop;
        Assert.EndsWith("last", child.Tail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StopLeftovers_RecordedProgram_IsStopped()
    {
        using var left = Process.Start("sleep", "600");
        try
        {
            Ledger().Add(left);
            await Ledger().StopLeftoversAsync(CancellationToken.None);
            Assert.True(left.WaitForExit(TimeSpan.FromSeconds(30)));
        }
        finally
        {
            ProgramEnd.Kill(left);
        }

        Assert.Contains(_log, line => line.Contains("left by an interrupted run", StringComparison.Ordinal));
    }

    [Fact]
    public async Task StopLeftovers_ProgramThatIgnoresSigTerm_IsKilledAfterTheGrace()
    {
        ProcessStartInfo start = new("sh", ["-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"])
        {
            RedirectStandardOutput = true,
        };
        using Process left = Process.Start(start)!;
        try
        {
            Assert.Equal(
                "ready",
                await left.StandardOutput.ReadLineAsync().WithinAsync(TimeSpan.FromSeconds(30), "the script's first line")
            );
            Ledger().Add(left);
            ProcessLedger next = new(_folder.File("processes.json"), _log.Add, TimeSpan.FromMilliseconds(100));
            await next.StopLeftoversAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30));
            Assert.True(left.WaitForExit(TimeSpan.FromSeconds(30)));
        }
        finally
        {
            ProgramEnd.Kill(left);
        }

        Assert.Equal("[]", File.ReadAllText(_folder.File("processes.json")).Trim());
    }

    [Fact]
    public async Task StopLeftovers_SameIdButStartedAtAnotherTime_IsLeftAlone()
    {
        using var other = Process.Start("sleep", "600");
        try
        {
            AtomicFile.WriteText(
                _folder.File("processes.json"),
                $$"""[{"id":{{other.Id}},"started":"2001-01-01T00:00:00Z","program":"trainer"}]"""
            );
            await Ledger().StopLeftoversAsync(CancellationToken.None);
            Assert.False(other.HasExited);
            Assert.Empty(_log);
        }
        finally
        {
            other.Kill();
        }
    }

    [Fact]
    public void Find_ProgramThatIsNotThere_NamesTheOption()
    {
        BadInputException error = Assert.Throws<BadInputException>(() => SiblingProgram.Trainer.Find(_folder.File("nothing")));
        Assert.Contains("--trainer", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Client/debug/trainer", "Trainer/debug/trainer", "Client/debug/trainer")] // beside the client comes first
    [InlineData("Trainer/debug/trainer", "Trainer/release/trainer", "Trainer/debug/trainer")] // then its own configuration
    [InlineData("Trainer/release/trainer", "tools/trainer", "tools/trainer")] // another configuration is not used
    public void Find_SeveralPrograms_TakesTheNearest(string one, string other, string expected)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "file names differ on Windows");
        _folder.Write(one, "");
        _folder.Write(other, "");
        Directory.CreateDirectory(_folder.File("Client", "debug"));
        string found = SiblingProgram.Trainer.Find(null, _folder.File("Client", "debug") + "/", $"/nowhere:{_folder.File("tools")}");
        Assert.Equal(_folder.File(expected.Split('/')), found);
    }

    [Fact]
    public void Find_NoProgram_ListsThePlaces()
    {
        BadInputException error = Assert.Throws<BadInputException>(() =>
            SiblingProgram.Trainer.Find(null, _folder.File("Client", "debug"), _folder.Path)
        );
        Assert.Contains(_folder.File("Client", "debug", "trainer"), error.Message, StringComparison.Ordinal);
        Assert.Contains(_folder.File("Trainer", "debug", "trainer"), error.Message, StringComparison.Ordinal);
        Assert.Contains("PATH", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Start_FileThatIsNoProgram_IsBadInput()
    {
        string library = _folder.Write("x.dll", "not a program");
        BadInputException error = Assert.Throws<BadInputException>(() =>
            ChildProcess.Start(library, [], _folder.File("logs", "child.log"), Ledger(), _ => { })
        );
        Assert.Contains("x.dll cannot be started", error.Message, StringComparison.Ordinal);
    }

    private ProcessLedger Ledger() => new(_folder.File("processes.json"), _log.Add);

    private ChildProcess Start(string script, Action<string> onLine)
    {
        (string program, string[] arguments) = ProgramStart.Command("sh", ["-c", script]); // a shell cannot trap what it was told to ignore
        return ChildProcess.Start(program, arguments, _folder.File("logs", "child.log"), Ledger(), onLine);
    }
}
