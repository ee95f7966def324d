using Grpc.Core;
using Rudder.Engine;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Grpc;

/// <summary>Leases the models of one call. Its token ends the work: caller gone, deadline, drain limit, or a retired model.</summary>
internal sealed class ModelCall : IDisposable
{
    private readonly List<ModelLease> _leases = [];
    private readonly CancellationTokenSource _linked;
    private ClientShare? _share;

    private ModelCall(IEnumerable<ModelLease> leases, CancellationToken caller, ServiceState state)
    {
        _leases.AddRange(leases);
        _linked = CancellationTokenSource.CreateLinkedTokenSource(
            [caller, state.Ended, .. _leases.Select(lease => lease.Ended)]);
    }

    /// <summary>Fires when the call's work must end.</summary>
    public CancellationToken Cancellation => _linked.Token;

    /// <summary>The first model, or the only one.</summary>
    public ModelLease Model => _leases[0];

    /// <summary>The second model.</summary>
    public ModelLease Reference => _leases[1];

    /// <summary>Leases models by field and name. The context's token also fires at the deadline.</summary>
    public static ModelCall Open(EngineHost models, ServiceState state, ServerCallContext context, params (string Field, string Name)[] names) =>
        Open(models, state, context.GetHttpContext(), context.CancellationToken, names);

    /// <summary>Leases models by field and name for a caller whose token fires when it goes away.</summary>
    public static ModelCall Open(
        EngineHost models, ServiceState state, HttpContext http, CancellationToken caller, params (string Field, string Name)[] names)
    {
        var leases = new List<ModelLease>();
        try
        {
            foreach (var (field, name) in names)
            {
                leases.Add(models.Acquire(name, field));
            }

            http.Features.Set(new CalledModel(leases[0].Description.Name));
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

    /// <summary>Charges an accepted call, unless its caller has gone.</summary>
    public void Pay(ClientBudgets budgets, Caller caller, long tokens)
    {
        Cancellation.ThrowIfCancellationRequested();
        _share = budgets.Enter(caller, tokens);
        _share.Keep();
    }

    public void Dispose()
    {
        _share?.Dispose();
        _linked.Dispose();
        _leases.ForEach(lease => lease.Dispose());
    }
}
