using System.Net;
using Grpc.Core;
using Rudder.Client.Processes;
using Rudder.Client.Rpc;
using Rudder.Inference.V1;

namespace Rudder.Client.Experiments;

/// <summary>How a run gets a service.</summary>
/// <param name="External">A running one; null starts one where a stage needs it.</param>
/// <param name="Program">Executable of the service; unused with <paramref name="External"/>.</param>
/// <param name="Roots">Folders it may load models from.</param>
/// <param name="LogFile">Its output.</param>
/// <param name="NamePrefix">Put before model names, so that a shared service keeps its own models.</param>
/// <param name="Precision">Of loaded models.</param>
/// <param name="Access">Key and certificates for <paramref name="External"/>; null where it asks for neither.</param>
internal sealed record ServicePlan(
    Uri? External,
    Func<string> Program,
    IReadOnlyList<string> Roots,
    string LogFile,
    string NamePrefix,
    Precision Precision,
    ServiceAccess? Access = null);

/// <summary>
/// The inference service of a run: started when the first stage needs it, stopped before a training (which wants all cores
/// and memory) and at the end. A service that was already running keeps running; the run loads its models there and unloads them.
/// </summary>
internal sealed class ServiceSession(ServicePlan plan, ProcessLedger ledger, Action<string> log, TimeProvider time) : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan FirstNotice = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<string, string> _loaded = [];
    private ChildProcess? _child;
    private InferenceClient? _client;

    /// <summary>A client of the service, which is started where there is none.</summary>
    public async Task<InferenceClient> OpenAsync(CancellationToken cancel)
    {
        if (_client is not null)
        {
            return _client;
        }

        Uri address = plan.External ?? Start();
        _client = new InferenceClient(address, CallSettings.Default, time, log, plan.Access);
        await WaitUntilServingAsync(_client, cancel);
        return _client;
    }

    /// <summary>Loads a model folder unless it is loaded already.</summary>
    /// <returns>The name under which the service knows it.</returns>
    public async Task<string> LoadAsync(string name, string folder, CancellationToken cancel)
    {
        InferenceClient open = await OpenAsync(cancel);
        string full = plan.NamePrefix + name;
        string path = Path.GetFullPath(folder);
        if (!_loaded.TryGetValue(full, out string? present) || present != path)
        {
            log($"loading {folder} as {full}");
            await open.LoadAsync(
                new LoadModelRequest
                {
                    Name = full,
                    Path = path,
                    Precision = plan.Precision,
                },
                cancel);
            _loaded[full] = path;
        }

        return full;
    }

    /// <summary>Drops a model, to free its memory.</summary>
    public async Task UnloadAsync(string name, CancellationToken cancel)
    {
        if (_client is not null && _loaded.Remove(plan.NamePrefix + name))
        {
            await _client.UnloadAsync(plan.NamePrefix + name, cancel);
        }
    }

    /// <summary>Does work that calls the service; where the run's own service has died under it, the failure says so.</summary>
    public async Task UseAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (ServiceException failure) when (failure.Status == StatusCode.Unavailable && _child is { HasExited: true } ended)
        {
            throw await EndedAsync(ended, "while it was in use", failure);
        }
    }

    /// <summary>Stops what was started; a service that was running keeps running without this run's models.</summary>
    public async Task StopAsync()
    {
        if (_client is not null && plan.External is not null)
        {
            await UnloadAllAsync(_client);
        }

        _loaded.Clear();
        _client?.Dispose();
        _client = null;
        if (_child is not null)
        {
            log("stopping the service");
            await _child.DisposeAsync();
            _child = null;
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private async Task UnloadAllAsync(InferenceClient open)
    {
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(30));
        foreach (string name in _loaded.Keys)
        {
            try
            {
                await open.UnloadAsync(name, limit.Token);
            }
            catch (Exception left) when (left is ServiceException or OperationCanceledException)
            {
                log($"model {name} stays loaded at {open.Address}: {left.Message}");
            }
        }
    }

    private Uri Start()
    {
        Uri address = new($"http://{IPAddress.Loopback}:{FreePort.Find()}");
        IEnumerable<string> roots = plan.Roots.Select((root, index) => $"--Service:ModelRoots:{index}={Path.GetFullPath(root)}");
        log($"starting the service at {address}");
        _child = ChildProcess.Start(
            plan.Program(), ["--urls", address.GetLeftPart(UriPartial.Authority), .. roots], plan.LogFile, ledger, _ => { });
        return address;
    }

    private async Task WaitUntilServingAsync(InferenceClient open, CancellationToken cancel)
    {
        long started = time.GetTimestamp();
        TimeSpan notice = _child is null ? TimeSpan.Zero : FirstNotice;
        while (await open.HealthAsync(cancel) is { Serving: false } health)
        {
            if (_child is { HasExited: true } ended)
            {
                throw await EndedAsync(ended, "before it was ready");
            }

            if (_child is null && !health.MayCome)
            {
                throw new WorkFailedException(
                    $"The service at {open.Address} cannot be used; its health call ended with {health.Said}. --service must name a running inference-service, e.g. http://127.0.0.1:5080."
                );
            }

            if (time.GetElapsedTime(started) > StartLimit)
            {
                throw new WorkFailedException(
                    $"The service at {open.Address} is not SERVING after {StartLimit.TotalMinutes:0} minutes; it last said {health.Said}.{(_child is null ? " Is it running?" : $" Its log is {plan.LogFile}.")}"
                );
            }

            TimeSpan waited = time.GetElapsedTime(started);
            if (waited >= notice)
            {
                log($"waiting for the service at {open.Address} for {waited.TotalSeconds:0} s: {health.Said}");
                notice = notice < FirstNotice ? FirstNotice : notice * 2;
            }

            await Task.Delay(Poll, time, cancel);
        }
    }

    /// <summary>The failure of a service that the run started and that ended early.</summary>
    private async Task<WorkFailedException> EndedAsync(ChildProcess ended, string when, Exception? cause = null)
    {
        await ended.StopAsync(); // its last lines may still be on their way
        return new WorkFailedException(
            $"The service ended {when}; its log is {plan.LogFile}. Last lines:{Environment.NewLine}{ended.Tail}", cause);
    }
}
