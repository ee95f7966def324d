using Grpc.Core;
using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Grpc;

/// <summary>Leases the models of one call. Its token ends the work: caller gone, deadline, drain limit, or a retired model.</summary>
internal sealed class ModelCall : IDisposable
{
    private readonly List<ModelLease> _leases = [];
    private readonly CancellationTokenSource _linked;

    private ModelCall(IEnumerable<ModelLease> leases, CancellationToken caller, ServiceState state)
    {
        _leases.AddRange(leases);
        _linked = CancellationTokenSource.CreateLinkedTokenSource(
            [caller, state.Ended, .. _leases.Select(lease => lease.Model.Ended)]);
    }

    /// <summary>Fires when the call's work must end.</summary>
    public CancellationToken Cancellation => _linked.Token;

    /// <summary>The first model, or the only one.</summary>
    public LoadedModel Model => _leases[0].Model;

    /// <summary>The second model.</summary>
    public LoadedModel Reference => _leases[1].Model;

    /// <summary>Leases models by field and name.</summary>
    public static ModelCall Open(EngineHost models, ServiceState state, ServerCallContext context, params (string Field, string Name)[] names)
    {
        var call = Open(models, state, context.CancellationToken, names);
        CalledModel.Remember(context.GetHttpContext(), call.Model.Name);
        return call;
    }

    /// <summary>Leases models for a caller that is known only by its cancellation token.</summary>
    public static ModelCall Open(EngineHost models, ServiceState state, CancellationToken caller, params (string Field, string Name)[] names)
    {
        var leases = new List<ModelLease>();
        try
        {
            foreach (var (field, name) in names)
            {
                leases.Add(models.Acquire(RequestLimits.Name(field, name)));
            }

            return new ModelCall(leases, caller, state);
        }
        catch
        {
            leases.ForEach(lease => lease.Dispose());
            throw;
        }
    }

    /// <summary>Cancels the call's work.</summary>
    public Task CancelAsync() => _linked.CancelAsync();

    /// <summary>Cancels the call's work from the engine's thread, which must not wait: continuations run elsewhere.</summary>
    public void GiveUp()
    {
        try
        {
            _ = _linked.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // The call has ended, so there is nothing left to cancel.
        }
    }

    public void Dispose()
    {
        _linked.Dispose();
        _leases.ForEach(lease => lease.Dispose());
    }
}
