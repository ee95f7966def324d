using Microsoft.Extensions.Logging;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Tests.Security;

/// <summary>When files are looked at, and what the log says of it; the clock is the test's.</summary>
public sealed class FileReloadsTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly string _path = Path.GetTempFileName();
    private readonly ManualTimer _time = new();
    private readonly Lines _log = new();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public async Task Tick_ChangedFile_IsTakenIntoUseAndTold()
    {
        var (reloads, keys) = Open(new TlsOptions { ReloadSeconds = 7 });
        await reloads.StartAsync(CancellationToken.None);

        File.WriteAllText(_path, KeysFile.Json(KeysFile.Entry("b", "two")));
        Assert.Equal(TimeSpan.FromSeconds(7), (await _time.Created.Task.WaitAsync(Limit)).Period);
        (await _time.Created.Task).Tick();

        Assert.Equal((LogLevel.Information, "API keys: read anew and in use"), await _log.First.Task.WaitAsync(Limit));
        Assert.NotNull(keys.Current.Find("two"));
        await reloads.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Tick_FaultyFile_IsToldAndTheOldKeysStay()
    {
        var (reloads, keys) = Open(new TlsOptions());
        await reloads.StartAsync(CancellationToken.None);

        File.WriteAllText(_path, "{");
        (await _time.Created.Task.WaitAsync(Limit)).Tick();

        var (level, line) = await _log.First.Task.WaitAsync(Limit);
        Assert.Equal(LogLevel.Error, level);
        Assert.Contains("the old content stays in use", line);
        Assert.NotNull(keys.Current.Find("one"));
        await reloads.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Start_ReloadSecondsZero_NeverLooks()
    {
        var (reloads, _) = Open(new TlsOptions { ReloadSeconds = 0 });

        await reloads.StartAsync(CancellationToken.None);
        await reloads.ExecuteTask!.WaitAsync(Limit);

        Assert.False(_time.Created.Task.IsCompleted);
    }

    private (FileReloads Reloads, FileBacked<ApiKeys> Keys) Open(TlsOptions tls)
    {
        File.WriteAllText(_path, KeysFile.Json(KeysFile.Entry("a", "one")));
        var keys = ApiKeys.Open(_path, _time.GetUtcNow());
        return (new FileReloads(new SecurityFiles(null, keys), new ServiceOptions { Tls = tls }, _time, _log), keys);
    }

    /// <summary>A clock with one timer that the test fires.</summary>
    private sealed class ManualTimer : TimeProvider
    {
        public TaskCompletionSource<(TimeSpan Period, Action Tick)> Created { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Created.TrySetResult((period, () => callback(state)));
            return new Idle();
        }

        private sealed class Idle : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }

    private sealed class Lines : ILogger<FileReloads>
    {
        public TaskCompletionSource<(LogLevel Level, string Line)> First { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            First.TrySetResult((logLevel, formatter(state, exception)));
    }
}
