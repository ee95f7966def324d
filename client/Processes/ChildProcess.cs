using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Rudder.Client.Processes;

/// <summary>A program that this one started: its output is logged, and it is stopped by its own id, never by name.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int TailLines = 12;

    private readonly Process process;
    private readonly StreamWriter log;
    private readonly Action<string> onLine;
    private readonly Queue<string> tail = new();
    private readonly ProcessLedger ledger;
    private readonly Lock gate = new();
    private bool disposed;

    private ChildProcess(Process process, StreamWriter log, Action<string> onLine, ProcessLedger ledger)
    {
        (this.process, this.log, this.onLine, this.ledger) = (process, log, onLine, ledger);
    }

    /// <summary>True once it has ended.</summary>
    public bool HasExited => process.HasExited;

    /// <summary>Its last lines, for error messages.</summary>
    public string Tail
    {
        get
        {
            lock (gate)
            {
                return string.Join(Environment.NewLine, tail);
            }
        }
    }

    /// <summary>Starts a program.</summary>
    /// <param name="program">Executable.</param>
    /// <param name="arguments">Its arguments, unquoted.</param>
    /// <param name="logFile">Gets every line of its output.</param>
    /// <param name="ledger">Remembers it in case this program is killed.</param>
    /// <param name="onLine">Receives each line.</param>
    /// <exception cref="InputException">The file is not a program that can run here.</exception>
    public static ChildProcess Start(
        string program,
        IEnumerable<string> arguments,
        string logFile,
        ProcessLedger ledger,
        Action<string> onLine
    )
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
            child.log.Dispose();
            throw new InputException(
                $"{program} cannot be started: {cause.Message}. Name an executable file, not a library or a folder.",
                cause
            );
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
            await process.WaitForExitAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            await StopAsync();
            throw;
        }

        ledger.Remove(process.Id);
        return process.ExitCode;
    }

    /// <summary>Ends it as <see cref="GracefulEnd"/> does. Its output has been read when this returns.</summary>
    public async Task StopAsync()
    {
        await GracefulEnd.OfAsync(process, GracefulEnd.Grace, CancellationToken.None);
        ledger.Remove(process.Id);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        process.Dispose();
        lock (gate)
        {
            disposed = true;
            log.Dispose();
        }
    }

    private void Receive(object sender, DataReceivedEventArgs received)
    {
        if (received.Data is not { } line)
        {
            return;
        }

        lock (gate)
        {
            if (disposed)
            {
                return;
            }

            log.WriteLine(line);
            tail.Enqueue(line);
            while (tail.Count > TailLines)
            {
                tail.Dequeue();
            }
        }

        onLine(line);
    }
}
