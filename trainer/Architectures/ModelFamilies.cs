using Rudder.Checkpoints;
using Rudder.Trainer.Architectures.Gpt2;
using Rudder.Trainer.Architectures.GptNeoX;
using Rudder.Trainer.Architectures.Llama;
using Rudder.Trainer.Architectures.Roberta;
using Rudder.Trainer.Models;

namespace Rudder.Trainer.Architectures;

/// <summary>The model families that the trainer knows. A new family needs a folder beside the others and a line here.</summary>
internal static class ModelFamilies
{
    private static readonly IModelFamily[] All = [new Gpt2Family(), .. LlamaConfig.Types.Select(type => new LlamaFamily(type)), new GptNeoXFamily(), new RobertaFamily()];

    /// <summary>The family of a <c>model_type</c>.</summary>
    public static IModelFamily Of(string modelType) =>
        Array.Find(All, family => family.ModelType == modelType) ?? throw new BadInputException(
            $"model_type is '{modelType}'; the trainer knows {string.Join(", ", All.Select(family => family.ModelType))}.");

    /// <summary>The family of a <c>model_type</c>, which must make models of a kind.</summary>
    /// <typeparam name="TModel"><see cref="ILanguageModel"/> or <see cref="ISequenceClassifier"/>.</typeparam>
    /// <param name="modelType">The family; null: the first one of that kind.</param>
    public static IModelFamily For<TModel>(string? modelType)
        where TModel : ITrainableModel
    {
        IModelFamily[] fitting = [.. All.Where(family => family.Kind == typeof(TModel))];
        return modelType is null ? fitting[0] : Array.Find(fitting, family => family.ModelType == modelType) ?? throw new BadInputException(
            $"architecture.model_type is '{modelType}'; here it takes {string.Join(" or ", fitting.Select(family => family.ModelType))}.");
    }
}
