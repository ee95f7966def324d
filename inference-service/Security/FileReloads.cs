using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Security;

/// <summary>Reads the certificate and keys files again every <c>Tls:ReloadSeconds</c>.</summary>
internal sealed class FileReloads(SecurityFiles files, ServiceOptions options, TimeProvider time, ILogger<FileReloads> logger) : BackgroundService
{
    /// <summary>Reads every file once.</summary>
    public void Check()
    {
        Check(files.Identity, "certificate");
        Check(files.Keys, "API keys");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Tls.ReloadSeconds == 0 || files is { Identity: null, Keys: null })
        {
            return;
        }

        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(options.Tls.ReloadSeconds), time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            Check();
        }
    }

    private void Check<T>(FileBacked<T>? file, string what)
        where T : class
    {
        if (file is null)
        {
            return;
        }

        if (file.Reload(time.GetUtcNow(), out string? fault))
        {
            Log.SecurityFileReloaded(logger, what);
        }
        else if (fault is not null)
        {
            Log.SecurityFileKept(logger, what, fault);
        }
    }
}
