using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Rudder.Client.Processes;

/// <summary>A program that this one started: its output is logged, and it is stopped by its own id, never by name.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int TailLines = 12;

    private readonly Process _process;
    private readonly StreamWriter _log;
    private readonly Action<string> _onLine;
    private readonly Queue<string> _tail = new();
    private readonly ProcessLedger _ledger;
    private readonly Lock _gate = new();
    private bool _disposed;

    private ChildProcess(Process process, StreamWriter log, Action<string> onLine, ProcessLedger ledger)
    {
        (_process, _log, _onLine, _ledger) = (process, log, onLine, ledger);
    }

    /// <summary>True once it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Its last lines, for error messages.</summary>
    public string Tail
    {
        get
        {
            lock (_gate)
            {
                return string.Join(Environment.NewLine, _tail);
            }
        }
    }

    /// <summary>Starts a program.</summary>
    /// <exception cref="BadInputException">The file is not a program that can run here.</exception>
    public static ChildProcess Start(
        string program,
        IEnumerable<string> arguments,
        string logFile,
        ProcessLedger ledger,
        Action<string> onLine)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(logFile))!);
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.Environment["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        Process process = new() { StartInfo = start };
        ChildProcess child = new(process, new StreamWriter(logFile, append: true) { AutoFlush = true }, onLine, ledger);
        process.OutputDataReceived += child.Receive;
        process.ErrorDataReceived += child.Receive;
        try
        {
            process.Start();
        }
        catch (Win32Exception cause)
        {
            child._log.Dispose();
            throw new BadInputException(
                $"{program} cannot be started: {cause.Message}. Name an executable file, not a library or a folder.", cause);
        }

        process.StandardInput.Close();
        ledger.Add(process);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return child;
    }

    /// <summary>Waits for its end; a cancelled token stops it first.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> WaitAsync(CancellationToken cancel)
    {
        try
        {
            await _process.WaitForExitAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            await StopAsync();
            throw;
        }

        _ledger.Remove(_process.Id);
        return _process.ExitCode;
    }

    /// <summary>Ends it as <see cref="GracefulEnd"/> does. Its output has been read when this returns.</summary>
    public async Task StopAsync()
    {
        await GracefulEnd.OfAsync(_process, GracefulEnd.Grace, CancellationToken.None);
        _ledger.Remove(_process.Id);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _process.Dispose();
        lock (_gate)
        {
            _disposed = true;
            _log.Dispose();
        }
    }

    private void Receive(object sender, DataReceivedEventArgs received)
    {
        if (received.Data is not { } line)
        {
            return;
        }

        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _log.WriteLine(line);
            _tail.Enqueue(line);
            while (_tail.Count > TailLines)
            {
                _tail.Dequeue();
            }
        }

        _onLine(line);
    }
}
