using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Rudder.Engine.Tests.Support;

/// <summary>Collects everything that is logged, exceptions included: by a service, or by a class that a test builds itself.</summary>
internal sealed class LoggedLines : ILoggerProvider, ILogger<EngineHost>
{
    /// <summary>The lines, oldest first.</summary>
    public ConcurrentQueue<string> Written { get; } = new();

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Written.Enqueue(formatter(state, exception) + exception);

    public void Dispose()
    {
    }
}
