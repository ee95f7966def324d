using Grpc.Core;
using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Grpc;

/// <summary>One call's hold on the models it names, and the token that ends its work: caller, deadline, draining, or a model's retirement.</summary>
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

    /// <summary>Ends the call's work.</summary>
    public CancellationToken Cancellation => _linked.Token;

    /// <summary>The first model, or the only one.</summary>
    public LoadedModel Model => _leases[0].Model;

    /// <summary>The second model.</summary>
    public LoadedModel Reference => _leases[1].Model;

    /// <summary>Takes hold of models by field and name.</summary>
    public static ModelCall Open(EngineHost models, ServiceState state, ServerCallContext context, params (string Field, string Name)[] names)
    {
        var call = Open(models, state, context.CancellationToken, names);
        CalledModel.Remember(context.GetHttpContext(), call.Model.Name);
        return call;
    }

    /// <summary>The same for a caller that is known only by the token that tells of its going away.</summary>
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

    /// <summary>Gives the call's work up.</summary>
    public Task CancelAsync() => _linked.CancelAsync();

    /// <summary>Gives the call's work up from a thread that must not wait, the engine's: at once, and without running what follows from it.</summary>
    public void GiveUp()
    {
        try
        {
            _ = _linked.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // The call ended meanwhile; nothing is left to give up.
        }
    }

    public void Dispose()
    {
        _linked.Dispose();
        _leases.ForEach(lease => lease.Dispose());
    }
}
